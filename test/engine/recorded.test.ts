import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Engine, MemoryStore } from '../../src/engine/index.ts'
import { ServerError } from '../../src/errors/index.ts'
import { cqlTypeText } from '../../src/types/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { OneBufferStore } from './support/one-buffer-store.ts'
import { isDeno } from '../support/runtime.ts'

/** A statement and what Apache Cassandra 5.0.9 answered to it, in the order they were sent. */
interface Recorded {
  readonly cql: string
  /** Code in hexadecimal and message. */
  readonly error?: string
  readonly columns?: readonly string[]
  readonly rowCount?: number
  /** Rows of the RESULT body in hexadecimal. */
  readonly content?: string
}

/** Results do not say what is frozen. */
function plainType(text: string): string {
  let plain = text
  while (plain.includes('frozen<')) plain = plain.replace(/frozen<(.*)>/, '$1')
  return plain
}

async function answer(engine: Engine, cql: string, keyspace: string): Promise<unknown> {
  try {
    const result = await engine.query(cql, keyspace)
    if (result.kind !== 'rows') return { cql }
    return {
      cql,
      columns: result.columns.map(({ name, type }) => `${name}:${plainType(cqlTypeText(type))}`),
      rowCount: result.rowCount,
      content: Buffer.from(result.content).toString('hex'),
    }
  } catch (error) {
    if (!(error instanceof ServerError)) throw error
    return { cql, error: `${error.serverCode.toString(16)} ${error.message}` }
  }
}

const names = ['schema', 'writes', 'reads', 'data', 'more', 'conditional'] as const
const stores = [MemoryStore, OneBufferStore]

describe.each(stores.flatMap((Store) => names.map((name) => [name, Store.name, Store] as const)))(
  'recorded %s on %s',
  (name, _, Store) => {
    const file = new URL(`recorded/${name}.json`, import.meta.url)
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded[]
    // Time stands still: what a TTL leaves is what was written.
    const engine = Engine.open({ storage: new Store(), clock: new VirtualClock(Date.now()) })

    // The sign of NaN that arithmetic returns is left to each build of V8; only avg(f) shows it.
    const isKnown = ({ cql }: Recorded): boolean => !(isDeno && cql.includes('avg(f)'))
    const tested = recorded.filter(isKnown).map((each) => [each.cql, each] as const)
    test.each(tested)('%s', async (cql, expected) => {
      const { columns, ...rest } = expected
      const actual = await answer(engine, cql, 'cq6')
      const plain = columns === undefined ? rest : { ...rest, columns: columns.map(plainType) }
      expect(actual).toEqual(plain)
    })
  },
)
