import { beforeEach, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { DiskStore } from '../../src/engine/storage/disk-store.ts'
import type { WriteBatch } from '../../src/engine/storage/index.ts'
import { StorageError } from '../../src/errors/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { ask, openEngine } from './support/ask.ts'
import { ScriptedFile } from './storage/support/scripted-file.ts'

/** A store that refuses batches, as one does whose disk has been full for a while. */
class RefusingStore extends DiskStore {
  refuses: (batch: WriteBatch) => boolean = () => false

  override write(batch: WriteBatch): void {
    if (this.refuses(batch)) throw new StorageError('The store takes no more writes', 'not_applied')
    super.write(batch)
  }
}

let store: RefusingStore
let clock: VirtualClock
let engine: Engine
const refused = /takes no more writes/

beforeEach(async () => {
  store = new RefusingStore(new ScriptedFile(), 'none')
  clock = new VirtualClock()
  engine = await openEngine(
    { storage: store, clock },
    'CREATE TABLE t (k int PRIMARY KEY, v int)',
    'INSERT INTO t (k, v) VALUES (1, 1)',
  )
})

test.each(['DROP TABLE t', 'DROP KEYSPACE ks', 'TRUNCATE t', 'ALTER TABLE t DROP v'])(
  '%s that is refused changes nothing, also not for the next engine on the store',
  async (statement) => {
    store.refuses = () => true
    await expect(ask(engine, statement)).rejects.toThrow(refused)
    expect(await ask(engine, 'SELECT k, v FROM t')).toEqual([[1, 1]])
    store.refuses = () => false
    await ask(engine, 'CREATE TABLE other (k int PRIMARY KEY)')
    expect(engine.catalog.droppedGenerations).toEqual([])
    await engine.close()
    const next = await openEngine({ storage: store, clock })
    for (let turn = 0; turn < 10; turn++) await next.nextTurn()
    expect(await ask(next, 'SELECT k, v FROM t')).toEqual([[1, 1]])
  },
)

test('a write is not applied when the latest timestamp cannot be stored', async () => {
  store.refuses = ({ keys }) => keys.some((key) => key.endsWith('timestamp'))
  clock.advance(10_000)
  await expect(ask(engine, 'INSERT INTO t (k, v) VALUES (2, 2)')).rejects.toThrow(refused)
  expect(await ask(engine, 'SELECT k, v FROM t')).toEqual([[1, 1]])
  store.refuses = () => false
  await ask(engine, 'INSERT INTO t (k, v) VALUES (3, 3) IF NOT EXISTS')
  const stored = store.scan({ gte: '\u0001timestamp', lt: '\u0001timestamq' })
  expect(stored.next()).toBe(true)
})
