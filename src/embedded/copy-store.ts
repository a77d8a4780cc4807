import {
  type CooperativeScheduler,
  type KvStore,
  MemoryStore,
  WriteBatch,
} from '../engine/index.ts'

const batchEntriesMax = 1_000
const batchBytesMax = 1 << 20

/**
 * A store in memory with everything another one holds at this moment, whatever is written to it
 * while it is copied. Between two steps others run.
 * @param check called before each step; what it throws ends the copy
 */
export async function copyStore(
  source: KvStore,
  scheduler: CooperativeScheduler,
  check: () => void,
): Promise<MemoryStore> {
  const copy = new MemoryStore()
  const batch = new WriteBatch()
  const snapshot = source.snapshot()
  try {
    const cursor = snapshot.scan({ gte: '', lt: undefined })
    for (let isAtEnd = false; !isAtEnd; ) {
      check()
      batch.clear()
      while (!isAtEnd && batch.count < batchEntriesMax && batch.sink.length < batchBytesMax) {
        isAtEnd = !cursor.next()
        if (isAtEnd) break
        const { bytes, start, end } = cursor.value
        batch.put(cursor.key, bytes.subarray(start, end))
      }
      copy.write(batch)
      if (!isAtEnd) await scheduler.yieldTurn()
    }
    return copy
  } finally {
    snapshot.release()
  }
}
