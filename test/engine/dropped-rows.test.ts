import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type KvStore, openDiskStore } from '../../src/engine/index.ts'
import { StoreTag } from '../../src/engine/keys/table-key.ts'
import { ask, openEngine } from './support/ask.ts'

/** Entries of tables, whatever table they are of. */
function rowCount(store: KvStore): number {
  const byte = (value: number): string => String.fromCharCode(value)
  const cursor = store.scan({ gte: byte(StoreTag.rows), lt: byte(StoreTag.deletionFlags + 1) })
  let count = 0
  while (cursor.next()) count++
  return count
}

test.each(['TRUNCATE t', 'DROP TABLE t', 'DROP KEYSPACE ks'])(
  'what %s leaves when the engine ends is removed by the next one',
  async (statement) => {
    const path = await mkdtemp(join(tmpdir(), 'tsylla-dropped-'))
    const store = await openDiskStore(path, 'none')
    const engine = await openEngine({ storage: store })
    await ask(engine, 'CREATE TABLE t (k int, c int, PRIMARY KEY (k, c))')
    for (let c = 0; c < 3_000; c++) await ask(engine, `INSERT INTO t (k, c) VALUES (1, ${c})`)
    await ask(engine, 'DELETE FROM t WHERE k = 1 AND c > 5000')
    await ask(engine, statement)
    await engine.close()
    expect(rowCount(store)).toBeGreaterThan(1_000)
    await store.close()

    const storeAgain = await openDiskStore(path, 'none')
    const again = await openEngine({ storage: storeAgain })
    for (let turn = 0; turn < 1_000 && rowCount(storeAgain) > 0; turn++) await again.nextTurn()
    expect(rowCount(storeAgain)).toBe(0)
    for (let turn = 0; turn < 10; turn++) await again.nextTurn()
    expect(again.catalog.droppedGenerations).toEqual([])
    await again.close()
    await storeAgain.close()
    await rm(path, { recursive: true })
  },
)
