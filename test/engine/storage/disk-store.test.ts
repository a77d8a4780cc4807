import { describe, expect, test } from 'vitest'
import { DiskStore, unwrittenBytesMax } from '../../../src/engine/storage/disk-store.ts'
import { ValueRef, WriteBatch } from '../../../src/engine/storage/index.ts'
import { ScriptedFile } from './support/scripted-file.ts'

function put(store: DiskStore, key: string, value: string): void {
  const batch = new WriteBatch()
  batch.put(key, Buffer.from(value))
  store.write(batch)
}

function read(store: DiskStore, key: string): string | undefined {
  const value = new ValueRef()
  if (!store.get(key, value)) return undefined
  return Buffer.from(value.bytes.subarray(value.start, value.end)).toString()
}

async function settled(promise: Promise<void>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  )
}

/** Lets the microtasks run that begin a group. */
async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

describe('the disk store', () => {
  test('writes gather into one group while another is being committed', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    put(store, 'a', '1')
    const first = settled(store.commit())
    await turn()
    put(store, 'b', '2')
    put(store, 'c', '3')
    const second = settled(store.commit())
    await turn()
    expect(file.commits.map(({ keys }) => keys)).toEqual([['a']])
    file.commits[0]!.succeed()
    expect(await first).toBe('done')
    await turn()
    expect(file.commits.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c']])
    file.commits[1]!.succeed()
    expect(await second).toBe('done')
  })

  test('a group that was not committed goes with the next one, and is read meanwhile', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    put(store, 'a', '1')
    const first = settled(store.commit())
    await turn()
    put(store, 'b', '2')
    const second = settled(store.commit())
    file.commits[0]!.fail()
    expect(await first).toBe('TSYLLA_ENGINE_STORAGE')
    await turn()
    expect(file.commits[1]!.keys).toEqual(['a', 'b'])
    file.commits[1]!.fail()
    expect(await second).toBe('TSYLLA_ENGINE_STORAGE')
    await turn()
    expect(file.commits.length).toBe(2)
    expect(read(store, 'a')).toBe('1')
    // A caller that needs what it read to be durable has it tried again.
    const third = settled(store.commit())
    await turn()
    expect(file.commits[2]!.keys).toEqual(['a', 'b'])
    put(store, 'a', '3')
    const fourth = settled(store.commit())
    file.commits[2]!.succeed()
    expect(await third).toBe('done')
    await turn()
    expect(file.commits[3]!.keys).toEqual(['a'])
    file.commits[3]!.succeed()
    expect(await fourth).toBe('done')
    expect(await settled(store.commit())).toBe('done')
  })

  test('writes that a full disk does not take are kept up to a limit', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    const value = 'x'.repeat(1 << 20)
    let count = 0
    const failAll = async (): Promise<void> => {
      await turn()
      file.commits.at(-1)!.fail()
      await turn()
    }
    put(store, 'a', value)
    await failAll()
    const refused = (): string | undefined => {
      try {
        put(store, `k${count++}`, value)
      } catch (error) {
        return (error as { outcome: string }).outcome
      }
      return undefined
    }
    while (refused() === undefined) await failAll()
    expect(count * value.length).toBeGreaterThanOrEqual(unwrittenBytesMax)
    expect(count * value.length).toBeLessThan(unwrittenBytesMax + 4 * value.length)
    expect(refused()).toBe('not_applied')
    // The refused write had the disk tried again.
    await turn()
    file.commits.at(-1)!.succeed()
    await turn()
    put(store, 'b', '1')
  })

  test('a read is marked only when it met what is not committed', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    put(store, 'c', '1')
    await turn()
    file.commits[0]!.succeed()
    await store.commit()
    put(store, 'b', '2')
    const batch = new WriteBatch()
    batch.delete('d')
    store.write(batch)
    const isMarked = (action: () => void): boolean => {
      action()
      return store.takeUncommittedRead()
    }
    const scan = (gte: string, lt: string): void => {
      const cursor = store.scan({ gte, lt })
      while (cursor.next());
    }
    expect(isMarked(() => read(store, 'c'))).toBe(false)
    expect(isMarked(() => read(store, 'x'))).toBe(false)
    expect(isMarked(() => read(store, 'b'))).toBe(true)
    expect(isMarked(() => read(store, 'd'))).toBe(true)
    expect(isMarked(() => scan('bb', 'd'))).toBe(false)
    expect(isMarked(() => scan('a', 'c'))).toBe(true)
    expect(isMarked(() => scan('c', 'x'))).toBe(true)
    expect(isMarked(() => store.scan({ gte: 'c', lt: undefined }).next())).toBe(false)
  })

  test('a damaged entry is an error, not a value', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    put(store, 'a', 'hello')
    await turn()
    file.commits[0]!.succeed()
    await store.commit()
    const sealed = file.entries.get('a')!
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const at = bit >> 3
      sealed[at] = sealed[at]! ^ (1 << (bit & 7))
      expect(() => store.get('a', new ValueRef())).toThrow('damaged')
      expect(() => store.scan({ gte: '', lt: undefined }).next()).toThrow('damaged')
      sealed[at] = sealed[at] ^ (1 << (bit & 7))
    }
    expect(store.get('a', new ValueRef())).toBe(true)
  })
})
