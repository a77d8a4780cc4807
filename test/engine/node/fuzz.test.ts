import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  beginRequest,
  endFrame,
  Opcode,
  WireWriter,
  writeBatchHead,
  writeBatchQuery,
  writeBatchTail,
  writeExecuteHead,
  writePrepare,
  writeQueryHead,
  writeRawValues,
} from '../../../src/protocol/index.ts'
import { readyClient, type TestClient } from './test-client.ts'

const opcodes = [...Object.values(Opcode), 0x44, 0xff]
const timeBox = { interruptAfterTimeLimit: 2_000, markInterruptAsFailure: false }

function frame(opcode: number, encode: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(256)
  const start = beginRequest(writer, 0, 1, opcode)
  encode(writer)
  endFrame(writer, start)
  return writer.copyFrom(0)
}

const samples = [
  frame(Opcode.QUERY, (writer) => {
    writeQueryHead(writer, 'SELECT * FROM system.local WHERE key = ?', 1, 1)
    writeRawValues(writer, [Buffer.from('local')])
  }),
  frame(Opcode.PREPARE, (writer) => writePrepare(writer, 'SELECT * FROM system.local')),
  frame(Opcode.EXECUTE, (writer) => writeExecuteHead(writer, Buffer.alloc(16), 1, 0)),
  frame(Opcode.BATCH, (writer) => {
    writeBatchHead(writer, 0, 1)
    writeBatchQuery(writer, 'DELETE FROM k.t WHERE p = 1')
    writeRawValues(writer, [])
    writeBatchTail(writer, 1, 0, 0, 0)
  }),
  frame(Opcode.REGISTER, (writer) => writer.writeStringList(['SCHEMA_CHANGE'])),
]

/** Every request that was a frame has its answer, unless the connection was ended. */
function check(client: TestClient, requestCount: number): void {
  if (!client.isEnded) expect(client.answers.length).toBe(requestCount)
}

test('a node answers any body of any opcode', () => {
  fc.assert(
    fc.property(fc.constantFrom(...opcodes), fc.uint8Array({ maxLength: 64 }), (opcode, body) => {
      const client = readyClient()
      client.send(opcode, (writer) => writer.writeRaw(body))
      check(client, 2)
    }),
    { numRuns: 2_000, ...timeBox },
  )
})

test('a node survives requests with any bytes changed', () => {
  const change = fc.tuple(fc.nat(200), fc.nat(255))
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(change, { maxLength: 6 }),
      (sample, changes) => {
        const client = readyClient()
        const bytes = Uint8Array.from(sample)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        client.connection.push(bytes)
        client.connection.push(bytes.subarray(0, 5))
        expect(client.answers.length).toBeLessThanOrEqual(4)
      },
    ),
    { numRuns: 5_000, ...timeBox },
  )
})
