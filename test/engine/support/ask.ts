import { decodeValue } from '../../../src/codec/index.ts'
import {
  Engine,
  type EngineExecuteOptions,
  type EngineOptions,
  MemoryStore,
  resultRows,
} from '../../../src/engine/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

/** An engine with the keyspace `ks` and a clock that stands still. */
export async function openEngine(
  options: Partial<EngineOptions> = {},
  ...statements: readonly string[]
): Promise<Engine> {
  const engine = Engine.open({ storage: new MemoryStore(), clock: new VirtualClock(), ...options })
  await engine.query(
    "CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  )
  for (const statement of statements) await engine.query(statement, 'ks')
  return engine
}

/** The decoded rows of a statement. */
export async function ask(
  engine: Engine,
  cql: string,
  values: readonly Uint8Array[] = [],
  options: EngineExecuteOptions = {},
): Promise<unknown[][]> {
  const result = await engine.query(cql, 'ks', values, options)
  if (result.kind !== 'rows') return []
  return resultRows(result).map((row) =>
    row.map((cell, i) => (cell === null ? null : decodeValue(result.columns[i]!.type, cell))),
  )
}
