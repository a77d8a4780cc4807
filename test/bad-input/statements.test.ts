import { beforeAll, expect, test } from 'vitest'
import { Batch, Statement } from '../../src/index.ts'
import { describeOnServers } from '../support/targets.ts'

const syntaxErrors: readonly (readonly [cql: string, position: RegExp])[] = [
  ['SELEC * FROM t', /^line 1:0 /],
  ['SELECT * FORM t', /^line 1:9 /],
  ['SELECT * FROM', /^line 1:13|^line 0:-1|^line 1:/],
  ['SELECT * FROM t WHERE', /^line \d+:-?\d+ /],
  ['SELECT * FROM t WHERE id =', /^line \d+:-?\d+ /],
  ['INSERT INTO t (id) VALUES (1', /^line \d+:-?\d+ /],
  ['INSERT INTO t (id,) VALUES (1)', /^line 1:18 /],
  ['UPDATE t SET WHERE id = 1', /^line 1:19 |^line 1:13 /],
  ['DELETE FROM t id = 1', /^line 1:14 /],
  ['CREATE TABLE (id int PRIMARY KEY)', /^line 1:13 /],
  [`SELECT * FROM t WHERE v = 'open`, /^line \d+:-?\d+ /],
  ['SELECT\n*\nFRM t', /^line 3:0 /],
  ['', /^line \d+:-?\d+ /],
]

const invalid: readonly (readonly [cql: string, message: RegExp])[] = [
  ['SELECT * FROM nowhere', /table nowhere does not exist/],
  ['SELECT * FROM no_ks.t', /keyspace no_ks does not exist/],
  ['SELECT nope FROM t', /Undefined column name nope/],
  ['SELECT * FROM t WHERE v = 1', /ALLOW FILTERING|Invalid INTEGER constant/],
  [`SELECT * FROM t WHERE v = 'x'`, /ALLOW FILTERING/],
  [`INSERT INTO t (id) VALUES ('x')`, /Invalid STRING constant \(x\) for "id" of type int/],
  ['INSERT INTO t (v) VALUES (1)', /Some partition key parts are missing: id|Invalid INTEGER/],
  ['INSERT INTO t (id, id) VALUES (1, 2)', /Multiple definitions|duplicate|multiple/i],
  ['INSERT INTO t (id, v) VALUES (1)', /Unmatched column names\/values/],
  ['UPDATE t SET id = 2 WHERE id = 1', /PRIMARY KEY part id found in SET part/],
  [`UPDATE t SET v = 'x'`, /line|partition key/],
  ['DELETE v FROM t', /line|partition key/],
  ['CREATE TABLE x (id int)', /No PRIMARY KEY/],
  ['CREATE TABLE x (id nothing PRIMARY KEY)', /Unknown type/],
  ['ALTER TABLE t ADD v int', /already exists|Invalid column name v/],
  ['DROP TABLE nowhere', /doesn't exist|does not exist/],
  ['CREATE TYPE p (x int, x int)', /Duplicate/i],
]

describeOnServers('statements that are wrong', (target) => {
  beforeAll(() => target.session.execute('CREATE TABLE t (id int PRIMARY KEY, v text)'))

  for (const [cql, position] of syntaxErrors) {
    test(`syntax: ${JSON.stringify(cql)}`, async () => {
      const error = await target.session.execute(cql).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'TSYLLA_SERVER_SYNTAX', outcome: 'not_applied' })
      expect((error as Error).message).toMatch(position)
    })
  }

  for (const [cql, message] of invalid) {
    test(`invalid: ${cql}`, async () => {
      const error = await target.session.execute(cql).catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        code: expect.stringMatching(/^TSYLLA_SERVER_(INVALID|SYNTAX|CONFIG|ALREADY_EXISTS)$/),
        outcome: 'not_applied',
      })
      expect((error as Error).message).toMatch(message)
    })
  }

  test('batches that are wrong change nothing', async () => {
    const { session } = target
    await session.execute('CREATE TABLE n (id int PRIMARY KEY, c counter)')
    const insert = 'INSERT INTO t (id, v) VALUES (?, ?)'
    const good = new Batch('logged').appendStatement(insert)
    await expect(session.batch(good, [[1]])).rejects.toMatchObject({ code: 'TSYLLA_BIND_COUNT' })
    await expect(
      session.batch(good, [
        [1, 'a'],
        [2, 'b'],
      ]),
    ).rejects.toMatchObject({
      code: 'TSYLLA_BIND_COUNT',
    })
    await expect(
      session.batch(good.appendStatement(insert), [
        [1, 'a'],
        [2, 5],
      ]),
    ).rejects.toMatchObject({
      code: 'TSYLLA_BIND_VALUE',
      message: expect.stringMatching(/Statement 1 of the batch/),
    })
    const mixed = good.appendStatement('UPDATE n SET c = c + 1 WHERE id = 1')
    await expect(session.batch(mixed, [[1, 'a']])).rejects.toMatchObject({
      code: 'TSYLLA_SERVER_INVALID',
    })
    const select = new Batch().appendStatement('SELECT * FROM t')
    await expect(session.batch(select)).rejects.toMatchObject({
      code: expect.stringMatching(/^TSYLLA_SERVER_/),
    })
    await expect(session.batch({} as Batch)).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    expect(() => new Batch('fast' as 'logged')).toThrow(/logged/)
    expect((await session.execute('SELECT * FROM t')).length).toBe(0)
    expect((await session.execute('SELECT * FROM n')).length).toBe(0)
  })

  test('options that are wrong are refused before anything is sent', async () => {
    const { session } = target
    for (const options of [
      { consistency: 'MOST' },
      { serialConsistency: 'QUORUM' },
      { pageSize: -5 },
      { pageSize: '5' },
      { timeout: 0 },
      { timeout: Number.NaN },
      { timestamp: 5 },
      { timestamp: 2n ** 63n },
      { signal: null },
      { signal: new AbortController() },
      { customPayload: null },
      { customPayload: { key: 'text' } },
      null,
      5,
    ]) {
      const failed = session.execute('SELECT * FROM t', [], options as never)
      await expect(
        failed,
        JSON.stringify(options, (_, value: unknown) => String(value)),
      ).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
        outcome: 'not_applied',
      })
    }
    for (const values of [null, 5, 'x']) {
      for (const cql of ['SELECT * FROM t', 'SELECT * FROM t WHERE id = ?']) {
        const code = await session.execute(cql, values as never).catch((e: { code?: string }) => e)
        expect(code, `${cql} ${values}`).toMatchObject({
          code: expect.stringMatching(/^TSYLLA_(BIND|CONFIG)/),
        })
      }
    }
    for (const text of [undefined, null, 5, {}]) {
      expect(() => new Statement(text as never)).toThrow(/text of a statement must be a string/)
      expect(() => new Batch().append(text as never)).toThrow(/batch/)
    }
    await expect(session.batch(new Batch(), null as never)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
    })
    for (const statement of [undefined, null, 5, {}, ['SELECT 1']]) {
      await expect(session.execute(statement as never)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
      })
    }
  })

  test('keyspaces that are missing or no names', async () => {
    const { session } = target
    await expect(session.useKeyspace('nowhere_at_all')).rejects.toMatchObject({
      code: 'TSYLLA_KEYSPACE',
      message: expect.stringMatching(/createKeyspace/),
    })
    for (const name of ['', 'a b', 'x"; DROP KEYSPACE y', 'x'.repeat(49), 5]) {
      await expect(session.useKeyspace(name as string)).rejects.toMatchObject({
        code: 'TSYLLA_CONFIG',
      })
    }
    expect(session.getKeyspace()).toBe(target.keyspace)
    expect((await session.execute('SELECT * FROM t')).length).toBe(0)
  })
})
