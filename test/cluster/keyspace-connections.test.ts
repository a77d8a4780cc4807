import { expect, test } from 'vitest'
import { KeyspaceConnections } from '../../src/cluster/keyspace-connections.ts'
import { ConnectionError, type TsyllaError } from '../../src/errors/index.ts'
import type { Connector } from '../../src/transport/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'

test('work that shares a connection does not share the error of connecting', async () => {
  let openCount = 0
  const shared: TsyllaError = new ConnectionError('db:9042', 'refused', 'unknown')
  Object.freeze(shared)
  const connector = {
    open: () => {
      openCount++
      return Promise.reject(shared)
    },
  } as unknown as Connector
  const connections = new KeyspaceConnections(connector)
  const node = new ScriptedNode()
  const errors = await Promise.all(
    [1, 2].map((value) =>
      connections.use(node, 'ks', () => Promise.resolve(value)).catch((error: unknown) => error),
    ),
  )
  expect(openCount).toBe(1)
  const like = { code: 'TSYLLA_CONNECTION', message: shared.message }
  expect(errors).toMatchObject([like, like])
  expect(new Set([shared, ...errors]).size).toBe(3)
})
