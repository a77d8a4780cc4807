/**
 * Nodes that answer at once, where there is no compiler for the ones in Rust. They run in a process
 * of their own, so that only the client is measured. The argument is the number of nodes.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Opcode } from '../../src/protocol/index.ts'
import { addressOf, answersOf } from './answers.ts'

const nodeCount = Number(process.argv[2] ?? 1)
const outBytes = 1 << 18

function frame(opcode: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(9 + payload.length)
  bytes[0] = 0x84
  bytes[4] = opcode
  bytes.writeInt32BE(payload.length, 5)
  payload.copy(bytes, 9)
  return bytes
}

const answers = answersOf(nodeCount).map((answer) => ({
  ...answer,
  frame: frame(answer.replyOpcode, answer.body),
}))
/** The answers to EXECUTE by node and first byte of the id. */
const byId = Array.from(
  { length: nodeCount },
  (_, node) =>
    new Map(
      answers
        .filter((one) => one.node === node && one.opcode === Opcode.EXECUTE)
        .map((one) => [one.contains.charCodeAt(0), one.frame]),
    ),
)
const otherVersion = frame(
  Opcode.ERROR,
  Buffer.concat([
    Buffer.from([0, 0, 0, 0x0a, 0, 39]),
    Buffer.from('Invalid or unsupported protocol version'),
  ]),
)

/** The connection of one client. The answers to all requests of one read leave in one write. */
class Connection {
  readonly #node: number
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #out: Buffer = Buffer.allocUnsafe(outBytes)
  #length = 0

  constructor(node: number, socket: Socket) {
    this.#node = node
    this.#socket = socket
  }

  onData(data: Buffer): void {
    const chunk = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let at = 0
    while (chunk.length - at >= 9) {
      if (chunk[at] !== 4) {
        this.#answer(otherVersion, chunk, at)
        break
      }
      const length = chunk.readInt32BE(at + 5)
      if (chunk.length - at - 9 < length) break
      const opcode = chunk[at + 4]!
      const answer =
        opcode === Opcode.EXECUTE
          ? byId[this.#node]!.get(chunk[at + 11]!)!
          : this.#find(opcode, chunk.subarray(at + 9, at + 9 + length))
      this.#answer(answer, chunk, at)
      at += 9 + length
    }
    this.#rest = chunk.subarray(at)
    this.#flush()
  }

  /** Appends an answer to the output buffer, with the stream id of its request. */
  #answer(bytes: Buffer, request: Buffer, at: number): void {
    if (bytes.length > outBytes - this.#length) this.#flush()
    if (bytes.length > outBytes) {
      const own = Buffer.from(bytes)
      own[2] = request[at + 2]!
      own[3] = request[at + 3]!
      this.#socket.write(own)
      return
    }
    const out = this.#out
    const start = this.#length
    out.set(bytes, start)
    out[start + 2] = request[at + 2]!
    out[start + 3] = request[at + 3]!
    this.#length = start + bytes.length
  }

  #flush(): void {
    if (this.#length === 0) return
    this.#socket.write(this.#out.subarray(0, this.#length))
    // The socket still holds these bytes, so they must not be overwritten.
    if (this.#socket.writableLength > 0) this.#out = Buffer.allocUnsafe(outBytes)
    this.#length = 0
  }

  #find(opcode: number, body: Buffer): Buffer {
    const answer = answers.find(
      (one) => one.node === this.#node && one.opcode === opcode && body.includes(one.contains),
    )
    if (answer === undefined) throw new Error(`no answer to opcode ${opcode}: ${body.toString()}`)
    return answer.frame
  }
}

async function listen(node: number, port: number): Promise<number> {
  const server = createServer((socket) => {
    const connection = new Connection(node, socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => connection.onData(data))
  })
  server.listen(port, addressOf(node))
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const port = await listen(0, 0)
for (let node = 1; node < nodeCount; node++) await listen(node, port)
process.send?.(port)
