/** Proofs of what `Cache` says about values: odd ones, long ones. */
import { isDeepStrictEqual } from 'node:util'
import { Decimal, type Session } from '../../src/index.ts'
import { Cache } from '../../src/patterns.ts'
import { perSession, type Proof, type ProofWork, type RecordedOperation, scaled } from './proof.ts'

const common = { pattern: 'Cache', file: 'test/proofs/cache-values.ts' } as const
const faults = {
  ...{ lostResponses: 0.02, delays: 0.1, delayMsMax: 60, resets: 0.005, killNode: true },
  ...{ kill: true, pauseMs: 700, skewMs: 5_000, jumps: true },
}

/** What a cache, or something that takes its place, does. */
export interface ValueStore {
  set(key: string, value: unknown): Promise<unknown>
  lookup(key: string): Promise<{ readonly hit: boolean; readonly value?: unknown }>
}

async function createTables(session: Session): Promise<void> {
  await new Cache(session, { memory: {} }).createTables()
}

/** Values that are easily taken for none, or for each other, by their names. */
const oddValues: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
    ['0', 0],
    ['-0', -0],
    ['0n', 0n],
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['empty text', ''],
    ['text of a number', '0'],
    ['empty object', {}],
    ['empty array', []],
    ['empty map', new Map()],
    ['empty set', new Set()],
    ['no bytes', new Uint8Array(0)],
    ['date of the epoch', new Date(0)],
    ['decimal', new Decimal(0n, 2)],
    ['undefined within', { a: undefined, b: [undefined, null] }],
    ['$', { $: ['undefined', null] }],
    ['__proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
  ] as const),
])
const oddNames = [...oddValues.keys()]

function nameOf(value: unknown): string {
  const found = oddNames.find((name) => isDeepStrictEqual(oddValues.get(name), value))
  return found ?? `another value, of type ${typeof value}`
}

export interface OddSet {
  readonly set: string
}
interface OddFactory {
  readonly factory: string
  /** When `getOrSet` was called. */
  readonly askedUs: number
}

const oddCache = perSession(({ session, clock, process, timeScale }: ProofWork) => {
  const memory = process % 2 === 1 ? ({ ttl: '500ms' } as const) : undefined
  return new Cache(session, { clock, memory, leaseTtl: 10_000 * timeScale, earlyRefresh: 0 })
})

async function getOrSetOdd(work: ProofWork, key: string, name: string): Promise<void> {
  const cache = oddCache(work)
  const askedUs = work.machineUs()
  const factory = async (): Promise<unknown> => {
    await work.record(key, { factory: name, askedUs } satisfies OddFactory, async () => name)
    return oddValues.get(name)
  }
  await work.record(key, 'read', async () => {
    return nameOf(await cache.getOrSet(key, factory, { hardTimeout: scaled(work, 20_000) }))
  })
}

/** Callers set, look up and make odd values. */
export async function useOddValues(work: ProofWork, store: ValueStore): Promise<void> {
  const callers = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async () => {
      for (let step = 0; step < 4; step++) {
        const name = oddNames[Math.floor(work.random() * oddNames.length)]!
        const kind = Math.floor(work.random() * 3)
        if (kind === 0) {
          await work.record(key, { set: name } satisfies OddSet, async () => {
            await store.set(key, oddValues.get(name))
            return true
          })
        } else if (kind === 1 && store instanceof Cache) await getOrSetOdd(work, key, name)
        else {
          await work.record(key, 'read', async () => {
            const found = await store.lookup(key)
            return found.hit ? nameOf(found.value) : 'miss'
          })
        }
      }
    }),
  )
  await Promise.all(callers)
}

/** What a read returned that nothing had written, and what was missed although it was there. */
export function lostOddValues(history: readonly RecordedOperation[]): readonly string[] {
  const isRead = ({ input }: RecordedOperation): boolean => input === 'read'
  const written = history.flatMap(({ input, call }) => {
    const { set, factory } = input as Partial<OddSet & OddFactory>
    const name = set ?? factory
    return name === undefined ? [] : [{ name, call }]
  })
  const isThereUs = history
    .filter(({ input, output }) => {
      if (output === undefined || output === 'miss') return false
      return input === 'read' || (input as Partial<OddSet>).set !== undefined
    })
    .reduce((least, { return: end }) => Math.min(least, end!), Number.POSITIVE_INFINITY)
  const unknown = history.filter(isRead).flatMap(({ output, return: end }) => {
    if (output === undefined || output === 'miss') return []
    if (written.some(({ name, call }) => name === output && call <= end!)) return []
    return [`a read returned ${String(output)}, which was not written`]
  })
  const missed = history.flatMap(({ input, call, output }) => {
    if (output === 'miss' && call > isThereUs) return ['a value that was set was missed']
    const { factory, askedUs = 0 } = input as Partial<OddFactory>
    if (factory === undefined || askedUs <= isThereUs) return []
    return ['a factory was called although a value was set']
  })
  return [...unknown, ...missed]
}

/** A value is stored in several parts when it is longer than this. */
const partBytes = 256 * 1_024

/** A text whose every part says which value it belongs to, and how long that is. */
export function longText(id: string): string {
  const length = partBytes + ((id.length * 7_919 + id.charCodeAt(id.length - 1) * 9_973) % 400_000)
  const unit = `${id}|`
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
}

/** The id of the value that a text is, or what is wrong with it. */
function idOfLong(text: unknown): string {
  if (typeof text !== 'string') return `torn: a value of type ${typeof text}`
  const id = text.slice(0, Math.max(0, text.indexOf('|')))
  return text === longText(id) ? id : `torn: ${text.length} characters that begin as ${id}`
}

const longCache = perSession(({ session, clock }: ProofWork) => new Cache(session, { clock }))

/** Callers set long values and read them. */
export async function useLongValues(work: ProofWork, store: ValueStore): Promise<void> {
  const callers = work.keys.flatMap((key) =>
    Array.from({ length: work.callerCount }, async (_, caller) => {
      for (let step = 0; step < 3; step++) {
        const id = `${work.process}.${caller}.${step}`
        await work.record(key, { set: id }, async () => {
          await store.set(key, longText(id))
          return true
        })
        await work.record(key, 'read', () => readLong(store, key))
      }
    }),
  )
  await Promise.all(callers)
}

async function readLong(store: ValueStore, key: string): Promise<string> {
  const found = await store.lookup(key)
  return found.hit ? idOfLong(found.value) : 'miss'
}

/** C5: reads that return a part of a value, or parts of several. */
export function tornValues(history: readonly RecordedOperation[]): readonly string[] {
  const sets = history.flatMap(({ input, ...rest }) => {
    const { set } = input as Partial<OddSet>
    return set === undefined ? [] : [{ ...rest, set }]
  })
  const isThereUs = sets
    .filter(({ output }) => output === true)
    .reduce((least, { return: end }) => Math.min(least, end!), Number.POSITIVE_INFINITY)
  return history.flatMap(({ input, output, call, return: end }) => {
    if (input !== 'read' || output === undefined) return []
    if (output === 'miss') return call > isThereUs ? ['a value that was set was missed'] : []
    if (sets.some(({ set, call: setUs }) => set === output && setUs <= end!)) return []
    return [`a read returned ${String(output)}`]
  })
}

export const cacheValueProofs: readonly Proof[] = [
  {
    ...common,
    id: 'C3',
    guarantee:
      'A stored `undefined`, `null`, `false`, `0`, `NaN` or `""` is a hit and comes back exactly',
    faults,
    ...{ keyCount: 16, roundCount: 2, callerCount: 8, createTables },
    work: (work) => useOddValues(work, oddCache(work)),
    check: async (_, history) => lostOddValues(history),
  },
  {
    ...common,
    id: 'C5',
    guarantee: 'A value longer than a chunk is read whole or not at all, whoever dies writing it',
    faults: { ...faults, lostResponses: 0.005 },
    ...{ keyCount: 16, roundCount: 1, callerCount: 2, createTables },
    // A value is written by several requests of some 256 KiB.
    requestTimeoutMs: 5_000,
    work: (work) => useLongValues(work, longCache(work)),
    async check(key, history, session) {
      const output = await readLong(new Cache(session), key)
      const call = history.reduce((last, one) => Math.max(last, one.return ?? one.call), 0) + 1
      const last = { key, process: -1, input: 'read', output, call, return: call + 1 }
      return tornValues([...history, last])
    },
  },
]
