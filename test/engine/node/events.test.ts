import { expect, test } from 'vitest'
import { unreadEventCountMax } from '../../../src/engine/node/node-connection.ts'
import { ServerErrorCode } from '../../../src/errors/index.ts'
import { Opcode, ResultKind, type ServerEvent, writeRegister } from '../../../src/protocol/index.ts'
import { openNode, readyClient } from './test-client.ts'

const keyspace =
  "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"

test('schema changes are sent to registered connections, after the answer to the connection that made them', async () => {
  const node = openNode()
  const maker = readyClient(node)
  const hearer = readyClient(node)
  const deaf = readyClient(node)
  for (const client of [maker, hearer]) {
    const ready = client.ask(Opcode.REGISTER, (writer) =>
      writeRegister(writer, ['SCHEMA_CHANGE', 'STATUS_CHANGE', 'TOPOLOGY_CHANGE']),
    )
    expect(ready.opcode).toBe(Opcode.READY)
  }
  const schemaChange = { change: 'CREATED', target: 'KEYSPACE', keyspace: 'k', name: undefined }
  expect(maker.query(keyspace)).toMatchObject({ kind: ResultKind.SCHEMA_CHANGE, schemaChange })
  await Promise.resolve()
  await Promise.resolve()
  for (const client of [maker, hearer]) {
    expect(client.answers.at(-1)).toMatchObject({
      streamId: -1,
      response: { opcode: Opcode.EVENT, event: { type: 'SCHEMA_CHANGE', schemaChange } },
    })
  }
  expect(deaf.answers).toHaveLength(1)
})

test('a client that leaves events unread is disconnected, one that reads them is not', async () => {
  const node = openNode()
  const [deaf, hearer] = [readyClient(node), readyClient(node)]
  for (const client of [deaf, hearer]) {
    client.ask(Opcode.REGISTER, (writer) => writeRegister(writer, ['SCHEMA_CHANGE']))
  }
  deaf.unreadBytes = 1
  const event: ServerEvent = {
    type: 'SCHEMA_CHANGE',
    schemaChange: {
      change: 'CREATED',
      target: 'KEYSPACE',
      keyspace: 'k',
      name: undefined,
      argumentTypes: [],
    },
  }
  const send = async (): Promise<void> => {
    for (const client of [deaf, hearer]) client.connection.sendEvent(event)
    await Promise.resolve()
  }
  for (let i = 0; i < unreadEventCountMax; i++) await send()
  expect([deaf.isEnded, hearer.isEnded]).toEqual([false, false])
  await send()
  expect([deaf.isEnded, hearer.isEnded]).toEqual([true, false])
  expect(hearer.answers).toHaveLength(unreadEventCountMax + 3)
})

test('an unknown event type is refused', () => {
  const client = readyClient()
  const refused = client.ask(Opcode.REGISTER, (writer) => writeRegister(writer, ['RAIN']))
  expect(refused).toMatchObject({
    opcode: Opcode.ERROR,
    error: { serverCode: ServerErrorCode.PROTOCOL },
  })
})
