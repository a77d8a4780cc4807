import { CooperativeScheduler } from './cooperative-scheduler.ts'
import type { KeyRange, KvStore } from './kv-store.ts'
import { WriteBatch } from './write-batch.ts'

const keysPerStep = 1000

/** All keys that begin with `prefix`. */
export function prefixRange(prefix: string): KeyRange {
  let end = prefix.length
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xff) end--
  if (end === 0) return { gte: prefix, lt: undefined }
  const last = String.fromCharCode(prefix.charCodeAt(end - 1) + 1)
  return { gte: prefix, lt: prefix.slice(0, end - 1) + last }
}

/**
 * Removes a range in steps, so that other work can run in between. It is meant for keys that are no
 * longer read, such as those of a dropped table. After an interruption, run it again.
 */
export async function deleteRange(
  store: KvStore,
  range: KeyRange,
  scheduler: CooperativeScheduler = new CooperativeScheduler(),
): Promise<void> {
  const batch = new WriteBatch()
  for (;;) {
    batch.clear()
    const cursor = store.scan(range)
    while (batch.count < keysPerStep && cursor.next()) batch.delete(cursor.key)
    if (batch.count === 0) return
    store.write(batch)
    await store.commit()
    await scheduler.yieldTurn()
  }
}
