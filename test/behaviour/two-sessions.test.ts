import { expect, test } from 'vitest'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('two sessions of one process', (target) => {
  test('see the later of two writes that were awaited one after the other', async () => {
    const [a, b] = [target.session, await target.open()]
    await a.execute('CREATE TABLE turns (k int PRIMARY KEY, v text)')
    const set = 'UPDATE turns SET v = ? WHERE k = ?'
    const lost: number[] = []
    for (let k = 0; k < 200; k++) {
      if (k % 2 === 0)
        await a.execute('INSERT INTO turns (k, v) VALUES (?, ?) IF NOT EXISTS', [k, ''])
      await a.execute(set, ['old', k])
      await b.execute(set, ['new', k])
      const row = (await a.execute('SELECT v FROM turns WHERE k = ?', [k])).singleRow()
      if (row['v'] !== 'new') lost.push(k)
    }
    expect(lost).toEqual([])
  })
})
