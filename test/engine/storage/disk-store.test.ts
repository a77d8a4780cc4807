import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../../../src/engine/storage/disk-file.ts'
import { DiskStore } from '../../../src/engine/storage/disk-store.ts'
import { ValueRef, WriteBatch } from '../../../src/engine/storage/index.ts'

/** A file that commits when it is told to, or fails. */
class ScriptedFile implements DiskFile {
  readonly entries = new Map<string, Buffer>()
  readonly commits: { succeed(): void; fail(): void; readonly keys: string[] }[] = []
  #keys: string[] = []

  getBinaryFast(key: Buffer): Buffer | undefined {
    return this.entries.get(key.toString('latin1'))
  }
  getRange(): Iterable<{ key: Buffer; value: Buffer }> {
    return [...this.entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
  }
  put(key: Buffer, value: Buffer): void {
    this.#keys.push(key.toString('latin1'))
    this.entries.set(key.toString('latin1'), value)
  }
  remove(key: Buffer): void {
    this.entries.delete(key.toString('latin1'))
  }
  batch(action: () => void): Promise<unknown> {
    this.#keys = []
    action()
    const keys = this.#keys
    return new Promise((resolve, reject) => {
      this.commits.push({
        keys,
        succeed: () => resolve(true),
        fail: () => reject(new Error('No space left on device')),
      })
    })
  }
  resetReadTxn(): void {}
  useReadTransaction(): { done(): void } {
    return { done: () => {} }
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}

function put(store: DiskStore, key: string, value: string): void {
  const batch = new WriteBatch()
  batch.put(key, Buffer.from(value))
  store.write(batch)
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

  test('a commit error poisons the store: nothing is acknowledged any more', async () => {
    const file = new ScriptedFile()
    const store = new DiskStore(file, 'fsync')
    put(store, 'a', '1')
    const first = settled(store.commit())
    await turn()
    put(store, 'b', '2')
    const second = settled(store.commit())
    file.commits[0]!.fail()
    expect([await first, await second]).toEqual(['TSYLLA_ENGINE_STORAGE', 'TSYLLA_ENGINE_STORAGE'])
    expect(() => put(store, 'c', '3')).toThrow('takes no more writes')
    expect(() => store.get('a', new ValueRef())).toThrow('takes no more writes')
    expect(await settled(store.commit())).toBe('TSYLLA_ENGINE_STORAGE')
    expect(file.commits.length).toBe(1)
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
