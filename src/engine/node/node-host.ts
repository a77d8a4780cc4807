import type { Compressor } from '../../protocol/index.ts'
import type { Engine } from '../engine.ts'
import type { SystemTables } from '../system/system-tables.ts'
import type { ClientAddress } from './client-address.ts'
import type { NodeCredentials } from './credentials.ts'
import type { NodePlacement } from './node-placement.ts'
import type { Statements } from './statements.ts'
import type { Tracer } from './tracing.ts'

/** The parts of a node that its connections use. */
export interface NodeHost {
  readonly engine: Engine
  readonly system: SystemTables
  readonly statements: Statements
  readonly tracer: Tracer
  readonly credentials: NodeCredentials | undefined
  readonly placement: NodePlacement | undefined
  compressor(name: string): Compressor | undefined
  supported(client: ClientAddress): ReadonlyMap<string, readonly string[]>
  forget(connection: object): void
}
