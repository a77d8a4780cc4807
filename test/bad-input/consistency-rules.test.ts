import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  awsKeyspaces,
  Batch,
  type Consistency,
  type ConsistencyRules,
  Session,
} from '../../src/index.ts'

const { consistency, consistencyRules } = awsKeyspaces({ region: 'eu-central-1' })
const levels: readonly Consistency[] = [
  ...(['ANY', 'ONE', 'TWO', 'THREE', 'QUORUM', 'ALL', 'LOCAL_QUORUM', 'EACH_QUORUM'] as const),
  ...(['SERIAL', 'LOCAL_SERIAL', 'LOCAL_ONE'] as const),
]
const readLevels = ['LOCAL_QUORUM', 'LOCAL_ONE', 'ONE']

describe('the consistency levels of Amazon Keyspaces', () => {
  let session: Session
  beforeAll(async () => {
    session = await Session.connect(['embedded:'], {
      ...{ consistency, consistencyRules, keyspace: 'aws', createKeyspace: true },
      executionProfiles: { strong: { consistency: 'ALL' } },
    })
    await session.execute('CREATE TABLE t (id int PRIMARY KEY, v int)', [], { consistency: 'ALL' })
    await session.execute('INSERT INTO t (id, v) VALUES (1, 1)')
  })
  afterAll(() => session.close())

  const insert = 'INSERT INTO t (id, v) VALUES (?, ?)'
  const select = 'SELECT v FROM t WHERE id = ?'
  type Run = (level: Consistency) => Promise<unknown>
  test.each<[string, Run, readonly string[], string]>([
    [
      'a read',
      (level) => session.execute(select, [1], { consistency: level }),
      readLevels,
      'reads',
    ],
    ['a page', (level) => session.page(select, [1], { consistency: level }), readLevels, 'reads'],
    [
      'a text',
      (level) => session.execute('SELECT v FROM t', [], { consistency: level }),
      readLevels,
      'reads',
    ],
    [
      'a write',
      (level) => session.execute(insert, [1, 2], { consistency: level }),
      ['LOCAL_QUORUM'],
      'writes',
    ],
    [
      'a conditional write',
      (level) => session.execute(`${insert} IF NOT EXISTS`, [1, 2], { consistency: level }),
      ['LOCAL_QUORUM'],
      'writes',
    ],
    [
      'a prepared write',
      async (level) =>
        session.executePrepared(await session.prepare(insert), [1, 2], { consistency: level }),
      ['LOCAL_QUORUM'],
      'writes',
    ],
    [
      'a batch',
      (level) =>
        session.batch(new Batch('unlogged').append(insert), [[1, 3]], { consistency: level }),
      ['LOCAL_QUORUM'],
      'writes',
    ],
  ])('%s with any other level fails before anything is sent', async (_, run, allowed, what) => {
    for (const level of levels) {
      if (allowed.includes(level)) {
        await run(level)
        continue
      }
      const before = session.metrics().nodes[0]!.latency.count
      await expect(run(level), level).rejects.toMatchObject({
        ...{ code: 'TSYLLA_CONFIG', outcome: 'not_applied' },
        message: `Amazon Keyspaces takes ${what} with ${allowed.join(', ')} only: the consistency ${level} would be refused`,
      })
      expect(session.metrics().nodes[0]!.latency.count).toBe(before)
    }
  })

  test('a level of an execution profile counts too', async () => {
    const reading = session.execute(select, [1], { executionProfile: 'strong' })
    await expect(reading).rejects.toThrow('takes reads with')
  })

  test('a default that neither reads nor writes may have is refused when connecting', async () => {
    const connecting = Session.connect(['embedded:'], { consistency: 'QUORUM', consistencyRules })
    await expect(connecting).rejects.toThrow('the consistency QUORUM would be refused')
    const reading = await Session.connect(['embedded:'], { consistency: 'ONE', consistencyRules })
    await reading.close()
  })

  test.each([
    'LOCAL_QUORUM',
    null,
    {},
    { service: 'a', reads: [], writes: ['ONE'] },
    { service: 'a', reads: ['ONE'], writes: ['MOST'] },
  ])('rules that are none are refused: %j', async (rules) => {
    const options = { consistencyRules: rules as unknown as ConsistencyRules }
    await expect(Session.connect(['embedded:'], options)).rejects.toThrow(
      'consistencyRules must be an object',
    )
  })
})
