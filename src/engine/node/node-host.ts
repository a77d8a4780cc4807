import type { Compressor } from '../../protocol/index.ts'
import type { Engine } from '../engine.ts'
import type { SystemTables } from '../system/system-tables.ts'
import type { NodeCredentials } from './credentials.ts'
import type { Statements } from './statements.ts'
import type { Tracer } from './tracing.ts'

/** The parts of a node that its connections use. */
export interface NodeHost {
  readonly engine: Engine
  readonly system: SystemTables
  readonly statements: Statements
  readonly tracer: Tracer
  readonly credentials: NodeCredentials | undefined
  compressor(name: string): Compressor | undefined
  supported(): ReadonlyMap<string, readonly string[]>
  forget(connection: object): void
}
