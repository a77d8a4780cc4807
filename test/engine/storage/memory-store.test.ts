import { describe, expect, test } from 'vitest'
import { MemoryStore, ValueRef, WriteBatch } from '../../../src/engine/storage/index.ts'

const batch = new WriteBatch()

function put(store: MemoryStore, key: string, value: Uint8Array): void {
  batch.clear()
  batch.put(key, value)
  store.write(batch)
}

function get(store: MemoryStore, key: string): Buffer | undefined {
  const ref = new ValueRef()
  return store.get(key, ref) ? Buffer.from(ref.bytes.slice(ref.start, ref.end)) : undefined
}

describe('the memory store', () => {
  test('overwriting one row for ever needs no more memory', () => {
    const store = new MemoryStore()
    const value = Buffer.alloc(160)
    for (let i = 0; i < 300_000; i++) {
      value.writeUInt32BE(i)
      put(store, 'k', value.subarray(0, 150 + ((i >> 3) % 10)))
    }
    expect(get(store, 'k')?.readUInt32BE()).toBe(299_999)
    expect(store.stats().allocatedBytes).toBeLessThan(6 * 1024 * 1024)
  })

  test('blocks that are mostly garbage are rewritten and what lives in them stays', () => {
    const store = new MemoryStore()
    const value = Buffer.alloc(100)
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 20_000; i++) {
        if (round > 0 && i % 10 === 0) continue
        value.writeUInt32BE(i)
        value.writeUInt32BE(round, 4)
        put(store, `key${i}`, value.subarray(0, 100 - round))
      }
    }
    const { allocatedBytes, liveBytes, entryCount } = store.stats()
    expect(entryCount).toBe(20_000)
    expect(allocatedBytes).toBeLessThan(2 * liveBytes + 6 * 1024 * 1024)
    for (let i = 0; i < 20_000; i++) {
      const found = get(store, `key${i}`)
      expect([found?.readUInt32BE(), found?.readUInt32BE(4)]).toEqual([i, i % 10 === 0 ? 0 : 7])
    }
  })

  test('a value larger than a block is kept whole', () => {
    const store = new MemoryStore()
    const value = Buffer.alloc(3 * 1024 * 1024, 7)
    put(store, 'large', value)
    put(store, 'small', Buffer.from('x'))
    expect(get(store, 'large')?.equals(value)).toBe(true)
  })

  test('a fork and its parent never see what the other writes', () => {
    const parent = new MemoryStore()
    for (let i = 0; i < 5000; i++) put(parent, `k${i}`, Buffer.from(`before ${i}`))
    const child = parent.fork()
    const grandchild = child.fork()
    for (let round = 0; round < 30; round++) {
      for (let i = 0; i < 2000; i++) {
        put(parent, `k${i}`, Buffer.from(`parent ${i} ${round}`))
        put(child, `k${i + 1000}`, Buffer.from(`child ${i} ${round}`))
      }
    }
    batch.clear()
    batch.delete('k4999')
    child.write(batch)
    for (let i = 0; i < 5000; i++) {
      const before = `before ${i}`
      expect(get(grandchild, `k${i}`)?.toString()).toBe(before)
      expect(get(parent, `k${i}`)?.toString()).toBe(i < 2000 ? `parent ${i} 29` : before)
      const ofChild = i >= 1000 && i < 3000 ? `child ${i - 1000} 29` : before
      expect(get(child, `k${i}`)?.toString()).toBe(i === 4999 ? undefined : ofChild)
    }
  })
})
