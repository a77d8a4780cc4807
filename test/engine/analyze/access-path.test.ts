import { expect, test } from 'vitest'
import { Engine, MemoryStore } from '../../../src/engine/index.ts'

async function openWithTable(): Promise<Engine> {
  const engine = Engine.open({ storage: new MemoryStore() })
  await engine.query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
  await engine.query('CREATE TABLE ks.t (a int, b int, c int, v int, PRIMARY KEY ((a, b), c))')
  return engine
}

const paths: readonly (readonly [text: string, kind: string, hasToken: boolean])[] = [
  ['SELECT v FROM ks.t WHERE a = 1 AND b = 2', 'partitions', false],
  ['SELECT v FROM ks.t WHERE a IN (1, 2) AND b IN ?', 'partitions', false],
  ['SELECT v FROM ks.t WHERE a = 1 AND b = 2 AND token(a, b) > 0', 'partitions', true],
  ['SELECT v FROM ks.t', 'tokenRange', false],
  ['SELECT v FROM ks.t WHERE token(a, b) > 0 AND token(a, b) <= 9', 'tokenRange', true],
  ['SELECT v FROM ks.t WHERE a = 1 ALLOW FILTERING', 'tokenRange', false],
  ['SELECT v FROM ks.t WHERE a = 1 AND b > 2 ALLOW FILTERING', 'tokenRange', false],
  ['SELECT v FROM ks.t WHERE c = 1 ALLOW FILTERING', 'tokenRange', false],
  ['INSERT INTO ks.t (a, b, c) VALUES (1, 2, 3)', 'partitions', false],
  ['UPDATE ks.t SET v = 1 WHERE a = 1 AND b IN (2, 3) AND c = 3', 'partitions', false],
  ['DELETE FROM ks.t WHERE a = 1 AND b = 2', 'partitions', false],
]

test.each(paths)('the access path of %s is %s', async (text, kind, hasToken) => {
  const { plan } = (await openWithTable()).prepare(text)
  if (plan.kind !== 'select' && plan.kind !== 'modify') throw new Error(plan.kind)
  const { access } = plan.restrictions
  expect(access.kind).toBe(kind)
  expect(access.token !== undefined).toBe(hasToken)
})
