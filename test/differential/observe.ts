import {
  type ColumnSpec,
  cqlTypeText,
  type Page,
  Row,
  ServerError,
  type Session,
  TsyllaError,
} from '../../src/index.ts'
import type { ScriptStatement } from './script.ts'

/** What a server did with a statement, with nothing in it that may differ by nature. */
export type Observation =
  | { readonly error: string; readonly message: string }
  | {
      readonly columns: readonly string[]
      readonly rows: readonly string[]
      readonly pages?: readonly number[]
      readonly applied: boolean | undefined
      readonly warnings: readonly string[]
    }
  | {
      readonly markers: readonly string[]
      readonly keys: readonly number[]
      readonly columns: readonly string[]
    }

/** Runs one statement and describes what came of it. `$ks` in its text is the keyspace. */
export async function observe(
  session: Session,
  keyspace: string,
  statement: ScriptStatement,
): Promise<Observation> {
  const clean = (text: string): string => text.replaceAll(keyspace, '$ks')
  const describe = (specs: readonly ColumnSpec[]): string[] =>
    specs.map(({ keyspace: ks, table, name, type }) =>
      clean(`${ks}.${table}.${name} ${cqlTypeText(type)}`),
    )
  const text = statement.text.replaceAll('$ks', keyspace)
  try {
    if (statement.isPreparedOnly) {
      const prepared = await session.prepare(text)
      return {
        markers: describe(prepared.getMarkers()),
        keys: prepared.source.partitionKeyIndexes,
        columns: describe(prepared.getResultColumns()),
      }
    }
    return await observeRows(session, { ...statement, text }, clean, describe)
  } catch (error) {
    return describeError(error, clean)
  }
}

async function observeRows(
  session: Session,
  statement: ScriptStatement,
  clean: (text: string) => string,
  describe: (specs: readonly ColumnSpec[]) => string[],
): Promise<Observation> {
  const { text, pageSize, values = [] } = statement
  const pages: Page[] = []
  let pagingState: Uint8Array | undefined
  do {
    const page: Page = await session.page(text, values, {
      pageSize: pageSize ?? 5_000,
      pagingState,
    })
    pages.push(page)
    pagingState = page.pagingState
  } while (pagingState !== undefined)
  const rows = pages.flatMap((page) => page.rows().map((row) => show(Row.columns(row))))
  return {
    columns: describe(pages[0]!.colSpecs()),
    rows: statement.isUnordered ? rows.sort() : rows,
    ...(pageSize === undefined ? {} : { pages: pages.map((page) => page.length) }),
    applied: pages[0]!.applied,
    warnings: pages.flatMap((page) => page.warnings().filter(isOfStatement).map(clean)),
  }
}

/**
 * Cassandra warns once per connection that a prepared statement depends on USE, so which statement
 * gets the warning depends on what ran on the connection before (ClientState).
 */
function isOfStatement(warning: string): boolean {
  return !warning.startsWith('`USE <keyspace>` with prepared statements')
}

/** Code and position of a syntax error are compared; the wording may be better than Cassandra's. */
function describeError(error: unknown, clean: (text: string) => string): Observation {
  if (!TsyllaError.is(error)) throw error
  if (!(error instanceof ServerError)) return { error: error.code, message: clean(error.message) }
  const code = `0x${error.serverCode.toString(16)}`
  const position =
    error.serverCode === 0x2000 ? /^line -?\d+:-?\d+/.exec(error.message)?.[0] : undefined
  return { error: code, message: position ?? sortSignatures(clean(error.message)) }
}

/** Overloads come out of a hash table: their order differs from one JVM to the next. */
function sortSignatures(message: string): string {
  return message.replace(
    /(signatures: )(system\..*)\)(: use type casts.*)?$/,
    (_match, head: string, list: string, tail = '') => {
      const sorted = list.split(/, (?=system\.)/).sort()
      return `${head}${sorted.join(', ')})${tail}`
    },
  )
}

function show(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => plain(item))
}

function plain(item: unknown): unknown {
  if (typeof item === 'bigint') return `${item}n`
  if (item instanceof Map) return { map: [...item] }
  if (item instanceof Set) return { set: [...item] }
  if (item instanceof Uint8Array) return `0x${Buffer.from(item).toString('hex')}`
  if (item instanceof Float32Array) return { vector: [...item] }
  if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
  if (Object.is(item, -0)) return '-0'
  return item
}
