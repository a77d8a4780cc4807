/** Proof that `Cache` takes bytes that something else has written for no value. */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Session, TsyllaError } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

/** A row as another program may have written it. */
interface HostileRow {
  readonly name: string
  readonly value: Uint8Array | null
  /** What it stands for; not there when it stands for nothing. */
  readonly meaning?: { readonly value: unknown }
  /** The parts of a long value, and how many there should be. */
  readonly parts?: readonly (Uint8Array | null)[]
  readonly partCount?: number | null
}

/** Bytes of version 1, the only one there is. */
function encoded(json: string): Uint8Array {
  return Buffer.concat([Buffer.of(1), Buffer.from(json)])
}

const depth = 100_000
const polluting = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'

const jsonThatIsNoValue: readonly string[] = [
  ...['', '{', '{"a":1', '"\\ud8', '[1,]', 'undefined', '(() => 1)()', '\u0000'],
  ...['{"$":null}', '{"$":1}', '{"$":[]}', '{"$":["function","return 1"]}'],
  ...['{"$":["constructor",1]}', '{"$":["__proto__",1]}', '{"$":[["date"],0]}'],
  ...['{"$":["bigint","x"]}', '{"$":["bigint",{}]}', '{"$":["map",1]}', '{"$":["map",[1]]}'],
  ...['{"$":["set",{"a":1}]}', '{"$":["float32","AAAA"]}', '{"$":["object",null]}'],
  ...['{"$":["Uuid","x"]}', '{"$":["Inet","x"]}', '{"$":["Decimal",["1","x"]]}'],
  ...['{"$":["Duration","P"]}', '{"$":["LocalDate",5]}', '{"$":["null-prototype",null]}'],
  `{"$":["bigint","${'9'.repeat(depth)}"]}`,
  '['.repeat(depth) + ']'.repeat(depth),
  '{"a":'.repeat(depth) + '1' + '}'.repeat(depth),
  '{"$":["set",['.repeat(depth) + ']]}'.repeat(depth),
]

const hostileRows: readonly HostileRow[] = [
  ...jsonThatIsNoValue.map((json) => ({
    name: `json ${json.slice(0, 30)}`,
    value: encoded(json),
  })),
  ...[0, 2, 3, 0x7b, 0x80, 0xff].map((version) => ({
    name: `version ${version}`,
    value: Buffer.concat([Buffer.of(version), Buffer.from('"text"')]),
  })),
  { name: 'no bytes', value: new Uint8Array(0) },
  { name: 'null', value: null },
  { name: 'a pickle of Python', value: Buffer.from('\x80\x04\x95cos\nsystem\n(S"ls"\ntR.') },
  { name: '__proto__', value: encoded(polluting), meaning: { value: JSON.parse(polluting) } },
  { name: 'a part too few', value: Buffer.alloc(0), parts: [encoded('"a"')], partCount: 2 },
  { name: 'a part too many', value: Buffer.alloc(0), parts: [encoded('"a"'), null], partCount: 1 },
  { name: 'an empty part', value: Buffer.alloc(0), parts: [encoded('"a"'), null], partCount: 2 },
  { name: 'no parts', value: Buffer.alloc(0), parts: [], partCount: 0 },
  { name: 'fewer than no parts', value: Buffer.alloc(0), parts: [], partCount: -1 },
  { name: 'parts without their number', value: encoded('{'), parts: [null], partCount: null },
]

async function writeHostile(session: Session, key: string, row: HostileRow): Promise<void> {
  const generation = row.parts === undefined ? null : randomUUID()
  const options = { idempotent: true }
  for (const [part, bytes] of (row.parts ?? []).entries()) {
    const insert = 'INSERT INTO cache_chunks (key, generation, part, bytes) VALUES (?, ?, ?, ?)'
    await session.execute(insert, [key, generation, part, bytes], options)
  }
  await session.execute(
    'INSERT INTO cache (key, value, generation, chunk_count) VALUES (?, ?, ?, ?)',
    [key, row.value, generation, row.partCount ?? null],
    options,
  )
}

const ownProperties = Reflect.ownKeys(Object.prototype).length

/** What a cache returned: what a factory made, a row that means something, or something wrong. */
function describe(value: unknown): string {
  if (Reflect.ownKeys(Object.prototype).length !== ownProperties) return 'a changed prototype'
  const { made } = (value ?? {}) as { readonly made?: unknown }
  if (typeof made === 'string' && isDeepStrictEqual(value, { made })) return `made ${made}`
  const found = hostileRows.find(({ meaning }) => isDeepStrictEqual(meaning, { value }))
  return found?.name ?? `another value, of type ${typeof value}`
}

/** Errors that are not those of the package are what is looked for. */
async function orCrash(run: () => Promise<string>): Promise<string> {
  try {
    return await run()
  } catch (error) {
    if (TsyllaError.is(error)) throw error
    return `${String(error)} was thrown`
  }
}

/** What reads a cache: with another codec it is a cache that can be deceived. */
export type CacheOf = (work: ProofWork) => Cache

const bytesCache = perSession(({ session, clock, timeScale }: ProofWork) => {
  return new Cache(session, { clock, leaseTtl: 10_000 * timeScale })
})

/** One caller of each process writes rows beside the cache; the others use it. */
export async function useBesideHostile(work: ProofWork, cacheOf: CacheOf): Promise<void> {
  const cache = cacheOf(work)
  const callers = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      for (let step = 0; step < 4; step++) {
        if (caller === 0) {
          const row = hostileRows[Math.floor(work.random() * hostileRows.length)]!
          await writeHostile(work.session, key, row).catch(() => {})
        } else if (caller % 2 === 0) await work.record(key, 'read', () => lookUp(cache, key))
        else await getOrMake(work, cache, key, `${work.process}.${caller}.${step}`)
      }
    }),
  )
  await Promise.all(callers)
}

function lookUp(cache: Cache, key: string): Promise<string> {
  return orCrash(async () => {
    const { misses } = cache.stats()
    const found = await cache.lookup(key)
    if (found.hit) return describe(found.value)
    return cache.stats().misses > misses ? 'miss' : 'a miss that was not counted'
  })
}

async function getOrMake(work: ProofWork, cache: Cache, key: string, made: string): Promise<void> {
  const factory = async (): Promise<unknown> => {
    await work.record(key, { made }, async () => true)
    return { made }
  }
  const options = { hardTimeout: scaled(work, 20_000) }
  await work.record(key, 'read', () =>
    orCrash(async () => describe(await cache.getOrSet(key, factory, options))),
  )
}

/** Results that neither a factory nor a row that means something stands for. */
export function deceived(history: readonly RecordedOperation[]): readonly string[] {
  const made = new Set(
    history.flatMap(({ input }) => (typeof input === 'object' ? Object.values(input!) : [])),
  )
  return history.flatMap(({ input, output }) => {
    if (input !== 'read' || typeof output !== 'string' || output === 'miss') return []
    const isMade = output.startsWith('made ') && made.has(output.slice('made '.length))
    const isMeant = hostileRows.some(({ name, meaning }) => name === output && meaning)
    return isMade || isMeant ? [] : [`a caller received ${output}`]
  })
}

/** Rows that are taken for a value, and such that a factory does not replace. */
async function notReplaced(key: string, session: Session): Promise<readonly string[]> {
  const cache = new Cache(session)
  const first = key.charCodeAt(key.length - 1) % hostileRows.length
  const rows = [0, 7, 14, 21, 28].map((i) => hostileRows[(first + i) % hostileRows.length]!)
  const found = rows.map(async (row): Promise<readonly string[]> => {
    const own = `${key}/${row.name.slice(0, 40)}`
    await writeHostile(session, own, row)
    const expected = row.meaning === undefined ? 'miss' : row.name
    const before = await lookUp(cache, own)
    if (before !== expected) return [`${row.name} is read as ${before}`]
    if (row.meaning !== undefined) return []
    await cache.getOrSet(own, () => ({ made: own }))
    const after = await lookUp(cache, own)
    return after === `made ${own}` ? [] : [`${row.name} is replaced, then read as ${after}`]
  })
  return (await Promise.all(found)).flat()
}

export const cacheBytesProofs: readonly Proof[] = [
  {
    ...{ id: 'C4', pattern: 'Cache', file: 'test/proofs/cache-bytes.ts' },
    guarantee:
      'Bytes that another program has written are no code and no value: a miss that is counted, until a factory replaces them',
    faults: {
      ...{ lostResponses: 0.02, delays: 0.1, delayMsMax: 60, resets: 0.005, killNode: true },
      ...{ kill: true, pauseMs: 700, skewMs: 200 },
    },
    ...{ keyCount: 16, roundCount: 1, callerCount: 8 },
    createTables: (session) => new Cache(session).createTables(),
    work: (work) => useBesideHostile(work, bytesCache),
    check: async (key, history, session) => [
      ...deceived(history),
      ...(await notReplaced(key, session)),
    ],
  },
]
