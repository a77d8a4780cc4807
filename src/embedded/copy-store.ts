import { type KvStore, MemoryStore, WriteBatch } from '../engine/index.ts'

const batchEntriesMax = 1_000

/** A store in memory with everything another one holds at this moment. */
export function copyStore(source: KvStore): MemoryStore {
  const copy = new MemoryStore()
  const batch = new WriteBatch()
  const cursor = source.scan({ gte: '', lt: undefined })
  while (cursor.next()) {
    const { bytes, start, end } = cursor.value
    batch.put(cursor.key, Uint8Array.from(bytes.subarray(start, end)))
    if (batch.count < batchEntriesMax) continue
    copy.write(batch)
    batch.clear()
  }
  copy.write(batch)
  return copy
}
