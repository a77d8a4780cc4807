import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  deleteRange,
  type KeyRange,
  type KvReader,
  type KvStore,
  MemoryStore,
  openDiskStore,
  prefixRange,
  ValueRef,
  WriteBatch,
} from '../../../src/engine/storage/index.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function temporaryPath(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tsylla-kv-'))
  closers.push(() => rm(path, { recursive: true, force: true }))
  return path
}

const stores: Record<string, () => Promise<KvStore>> = {
  memory: () => Promise.resolve(new MemoryStore()),
  disk: async () => openDiskStore(await temporaryPath(), 'os'),
}

function put(store: KvStore, ...pairs: readonly (readonly [string, string | undefined])[]): void {
  const batch = new WriteBatch()
  for (const [key, value] of pairs) {
    if (value === undefined) batch.delete(key)
    else batch.put(key, Buffer.from(value))
  }
  store.write(batch)
}

function get(store: KvReader, key: string): string | undefined {
  const ref = new ValueRef()
  if (!store.get(key, ref)) return undefined
  return Buffer.from(ref.bytes.subarray(ref.start, ref.end)).toString()
}

function list(store: KvReader, range: KeyRange): [string, string][] {
  const found: [string, string][] = []
  const cursor = store.scan(range)
  while (cursor.next()) {
    const { bytes, start, end } = cursor.value
    found.push([cursor.key, Buffer.from(bytes.subarray(start, end)).toString()])
  }
  return found
}

const everything: KeyRange = { gte: '', lt: undefined }

/** Keys long enough to meet LMDB's limit, many of them with the same beginning. */
const longKey: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(0, 1, 5, 1898, 1899, 1900, 1901, 2500, 9000),
    fc.constantFrom('a', 'b'),
    fc.array(fc.constantFrom('\0', '\x01', 'a', '\xff'), { minLength: 1, maxLength: 4 }),
  )
  .map(([length, letter, tail]) => letter.repeat(length) + tail.join(''))

type Step =
  | { readonly kind: 'write'; readonly pairs: [string, string | undefined][] }
  | { readonly kind: 'commit' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    pairs: fc.array(fc.tuple(longKey, fc.option(fc.string({ maxLength: 8 }), { nil: undefined })), {
      minLength: 1,
      maxLength: 12,
    }),
  }),
  fc.record({ kind: fc.constant('commit' as const) }),
)

/** What a store must hold, as a sorted list. */
function expectedEntries(model: ReadonlyMap<string, string>, range: KeyRange): [string, string][] {
  const entries = [...model]
    .filter(([key]) => key >= range.gte && (range.lt === undefined || key < range.lt))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return range.reverse ? entries.reverse() : entries
}

describe.each(Object.entries(stores))('the %s store', (_name, createStore) => {
  async function open(): Promise<KvStore> {
    const store = await createStore()
    closers.push(() => store.close())
    return store
  }

  test('returns what was put, until it is deleted', async () => {
    const store = await open()
    put(store, ['a', '1'], ['b', ''], ['c', '3'])
    put(store, ['c', undefined], ['d', undefined])
    expect([get(store, 'a'), get(store, 'b'), get(store, 'c'), get(store, 'd')]).toEqual([
      '1',
      '',
      undefined,
      undefined,
    ])
    expect([store.has('a'), store.has('c')]).toEqual([true, false])
  })

  test('applies the writes of a batch in order, the last of a key winning', async () => {
    const store = await open()
    put(store, ['a', '1'], ['a', '2'], ['b', '1'], ['b', undefined], ['c', undefined], ['c', '9'])
    expect(list(store, everything)).toEqual([
      ['a', '2'],
      ['c', '9'],
    ])
  })

  test('scans a half-open range in both directions', async () => {
    const store = await open()
    put(store, ...['a', 'b', 'b\0', 'c', 'd'].map((key) => [key, key] as const))
    const range = { gte: 'b', lt: 'd' }
    expect(list(store, range).map(([key]) => key)).toEqual(['b', 'b\0', 'c'])
    expect(list(store, { ...range, reverse: true }).map(([key]) => key)).toEqual(['c', 'b\0', 'b'])
    expect(list(store, { gte: 'x', lt: undefined })).toEqual([])
    expect(list(store, { gte: '', lt: 'a', reverse: true })).toEqual([])
  })

  test('1,000 read-increment-writes in one tick give 1,000', async () => {
    const store = await open()
    for (let i = 0; i < 1000; i++) {
      const before = Number(get(store, 'n') ?? '0')
      put(store, ['n', String(before + 1)], [`log${i}`, 'x'])
    }
    expect(get(store, 'n')).toBe('1000')
    await store.commit()
    expect(get(store, 'n')).toBe('1000')
    expect(list(store, prefixRange('log')).length).toBe(1000)
  })

  test('a snapshot stays as it was while the store moves on', async () => {
    const store = await open()
    put(store, ['a', '1'], ['b', '2'])
    await store.commit()
    put(store, ['c', '3'])
    const snapshot = store.snapshot()
    put(store, ['a', 'x'], ['b', undefined], ['d', 'y'])
    await store.commit()
    put(store, ['c', undefined])
    await store.commit()
    expect(list(snapshot, everything)).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ])
    expect(get(snapshot, 'b')).toBe('2')
    snapshot.release()
    expect(list(store, everything)).toEqual([
      ['a', 'x'],
      ['d', 'y'],
    ])
  })

  test('a range is deleted step by step, its neighbours stay', async () => {
    const store = await open()
    const keys = Array.from({ length: 2500 }, (_, i) => [`p${i}`, 'v'] as const)
    put(store, ['o', '1'], ['q', '2'], ...keys)
    await deleteRange(store, prefixRange('p'))
    expect(list(store, everything)).toEqual([
      ['o', '1'],
      ['q', '2'],
    ])
  })

  test('behaves like a sorted map with keys of any length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        longKey,
        fc.option(longKey, { nil: undefined }),
        async (steps, gte, lt) => {
          const store = await createStore()
          const model = new Map<string, string>()
          try {
            for (const { kind, ...rest } of steps) {
              if (kind === 'commit') await store.commit()
              else if ('pairs' in rest) applyTo(store, model, rest.pairs)
              for (const reverse of [false, true]) {
                for (const range of [everything, { gte, lt }]) {
                  const asked = { ...range, reverse }
                  expect(list(store, asked)).toEqual(expectedEntries(model, asked))
                }
              }
            }
            for (const [key, value] of model) expect(get(store, key)).toBe(value)
          } finally {
            await store.close()
          }
        },
      ),
      { numRuns: 40, interruptAfterTimeLimit: 6000 },
    )
  })
})

function applyTo(
  store: KvStore,
  model: Map<string, string>,
  pairs: readonly [string, string | undefined][],
): void {
  put(store, ...pairs)
  for (const [key, value] of pairs) {
    if (value === undefined) model.delete(key)
    else model.set(key, value)
  }
}

describe('stores on disk', () => {
  test.each(['fsync', 'os', 'none'] as const)(
    'with %s keep what they have when they are closed',
    async (durability) => {
      const path = await temporaryPath()
      const first = await openDiskStore(path, durability)
      put(first, ['a', '1'], ['k'.repeat(5000), 'long'])
      await first.commit()
      put(first, ['b', '2'])
      await first.close()
      const second = await openDiskStore(path)
      closers.push(() => second.close())
      expect(list(second, everything)).toEqual([
        ['a', '1'],
        ['b', '2'],
        ['k'.repeat(5000), 'long'],
      ])
    },
  )
})
