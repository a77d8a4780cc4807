import { randomBytes } from 'node:crypto'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { Session, type SessionOptions } from '../../src/index.ts'
import { FaultProxy } from '../../src/testing.ts'

const cassandra = inject('cassandra')

interface Opened {
  readonly proxy: FaultProxy
  readonly session: Session
  /** Ids that are stored, read without the proxy. */
  readonly stored: () => Promise<number[]>
}

async function open(options: Partial<SessionOptions>): Promise<Opened> {
  const keyspace = `t_${randomBytes(6).toString('hex')}`
  const direct = await Session.connect([cassandra!], { keyspace, createKeyspace: true })
  await direct.execute('CREATE TABLE t (id int PRIMARY KEY, v int)')
  const proxy = await FaultProxy.open(cassandra!)
  const session = await Session.connect([proxy.address], { ...options, keyspace })
  onTestFinished(async () => {
    await session.close()
    await proxy.close()
    await direct.execute(`DROP KEYSPACE ${keyspace}`)
    await direct.close()
  })
  const stored = async (): Promise<number[]> => {
    const rows = (await direct.execute<{ id: number }>('SELECT id FROM t')).rows()
    return rows.map(({ id }) => id).sort((a, b) => a - b)
  }
  return { proxy, session, stored }
}

const insert = 'INSERT INTO t (id, v) VALUES (?, ?) IF NOT EXISTS'

describe.skipIf(cassandra === undefined).each([4, 5] as const)(
  'a fault proxy in front of Cassandra that speaks version %i',
  (protocolVersionMax) => {
    test('loses, delays and repeats what it is told, and knows what it strikes', async () => {
      const { proxy, session, stored } = await open({ protocolVersionMax })
      await session.execute(insert, [0, 0])
      proxy.inject({ fault: 'loseResponse', request: 'EXECUTE', times: 1 })
      const lost = session.execute(insert, [1, 0], { timeout: 500 })
      await expect(lost).rejects.toMatchObject({
        ...{ code: 'TSYLLA_REQUEST_TIMEOUT', outcome: 'unknown' },
      })
      proxy.inject({ fault: 'loseRequest', request: 'EXECUTE', on: 'request', times: 1 })
      await expect(session.execute(insert, [2, 0], { timeout: 500 })).rejects.toMatchObject({
        code: 'TSYLLA_REQUEST_TIMEOUT',
      })
      proxy.inject({ fault: 'delay', request: 'EXECUTE', delayMs: 20, times: 1 })
      await session.execute(insert, [3, 0])
      expect(await stored()).toEqual([0, 1, 3])
      expect(proxy.counters).toMatchObject({ lostResponses: 1, lostRequests: 1, delayed: 1 })
    })

    test('cuts a response, and the session connects again', async () => {
      const { proxy, session } = await open({ protocolVersionMax })
      await session.execute(insert, [0, 0])
      proxy.inject({ fault: 'cut', request: 'EXECUTE', times: 1 })
      await expect(session.execute(insert, [1, 0])).rejects.toMatchObject({ outcome: 'unknown' })
      const select = 'SELECT v FROM t WHERE id = ?'
      expect((await session.execute(select, [0])).length).toBe(1)
      expect(proxy.counters.cut).toBe(1)
    })

    test('passes large frames, and compressed ones', async () => {
      for (const compression of [null, 'lz4'] as const) {
        const { session } = await open({ protocolVersionMax, compression })
        await session.execute('CREATE TABLE large (id int PRIMARY KEY, v text)')
        const v = 'abc'.repeat(200_000)
        await session.execute('INSERT INTO large (id, v) VALUES (?, ?)', [1, v])
        const found = await session.execute<{ v: string }>('SELECT v FROM large WHERE id = ?', [1])
        expect(found.singleRow().v === v).toBe(true)
      }
    })
  },
)
