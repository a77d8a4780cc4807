import { expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'

test('conditional and plain writes of one session are seen in the order it awaited them', async () => {
  const db = await embedded()
  const session = await db.session({ keyspace: 'k', createKeyspace: true })
  await session.execute('CREATE TABLE t (k int PRIMARY KEY, v int)')
  const valueOf = async (k: number): Promise<unknown> =>
    (await session.execute('SELECT v FROM t WHERE k = ?', [k])).firstRow()?.['v']
  for (let k = 0; k < 300; k++) {
    await session.execute('DELETE FROM t WHERE k = ?', [k])
    await session.execute('INSERT INTO t (k, v) VALUES (?, 9) IF NOT EXISTS', [k])
    expect(await valueOf(k)).toBe(9)
    await session.execute('UPDATE t SET v = 1 WHERE k = ?', [k])
    expect(await valueOf(k)).toBe(1)
    for (let v = 0; v < 5; v++) await session.execute('UPDATE t SET v = ? WHERE k = ?', [v, k])
    await session.execute('UPDATE t SET v = 99 WHERE k = ? IF v = 4', [k])
    expect(await valueOf(k)).toBe(99)
    await session.execute('UPDATE t SET v = 2 WHERE k = ?', [k])
    expect(await valueOf(k)).toBe(2)
  }
  await session.close()
  await db.close()
})
