import {
  beginRequest,
  type Compressor,
  endFrame,
  endFrameCompressed,
  type FrameHandler,
  FrameParser,
  Opcode,
  readResponse,
  readResponsePrefix,
  type Response,
  type ResponsePrefix,
  VersionMismatchError,
  WireReader,
  WireWriter,
  writeParametersTail,
  writePrepare,
  writeQueryHead,
  writeStartup,
} from '../../../src/protocol/index.ts'
import { Engine, EngineNode, MemoryStore, type NodeConnection } from '../../../src/engine/index.ts'
import type { EngineNodeOptions } from '../../../src/engine/index.ts'
import { Inet } from '../../../src/types/index.ts'
import type { Clock } from '../../../src/util/index.ts'

export interface Answer {
  readonly streamId: number
  readonly prefix: ResponsePrefix
  readonly response: Response
}

/** A client without a socket: writes request frames, collects what the node answers. */
export class TestClient implements FrameHandler {
  readonly answers: Answer[] = []
  readonly connection: NodeConnection
  isEnded = false
  /** Raw bytes the node wrote, in chunks. */
  readonly chunks: Uint8Array[] = []
  compressor: Compressor | undefined
  /** Bytes that the client leaves unread, as the socket reports them. */
  unreadBytes = 0
  readonly #parser = new FrameParser(this, { direction: 'response' })

  constructor(node: EngineNode) {
    const unread = (): number => this.unreadBytes
    this.connection = node.connect(
      {
        write: (bytes) => {
          this.chunks.push(Uint8Array.from(bytes))
          this.#parser.compressor = this.compressor
          this.#parse(bytes)
          return false
        },
        get pendingBytes() {
          return unread()
        },
        end: () => {
          this.isEnded = true
        },
      },
      { address: Inet.parse('127.0.0.1'), port: 4711 },
    )
  }

  /** Versions 1 and 2 are answered in frames of their own, after which nothing comes. */
  #parse(bytes: Uint8Array): void {
    try {
      this.#parser.push(Uint8Array.from(bytes))
    } catch (error) {
      if (!(error instanceof VersionMismatchError)) throw error
    }
  }

  onFrame(
    flags: number,
    streamId: number,
    opcode: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const reader = new WireReader(Uint8Array.from(bytes.subarray(start, end)))
    const prefix = readResponsePrefix(reader, flags)
    this.answers.push({ streamId, prefix, response: readResponse(reader, opcode) })
  }

  send(
    opcode: number,
    encode: (writer: WireWriter) => void = () => {},
    { streamId = 1, flags = 0 }: { streamId?: number; flags?: number } = {},
  ): void {
    const writer = new WireWriter(1024)
    const start = beginRequest(writer, flags, streamId, opcode)
    encode(writer)
    if (this.compressor === undefined) endFrame(writer, start)
    else endFrameCompressed(writer, start, this.compressor, 0)
    this.connection.push(writer.copyFrom(0))
  }

  /** Sends a request that is answered at once. */
  ask(
    opcode: number,
    encode?: (writer: WireWriter) => void,
    options?: { streamId?: number; flags?: number },
  ): Response {
    const before = this.answers.length
    this.send(opcode, encode, options)
    const answer = this.answers[before]
    if (answer === undefined) throw new Error('the node did not answer')
    return answer.response
  }

  startup(options: Record<string, string> = {}): Response {
    const all = new Map(Object.entries({ CQL_VERSION: '3.0.0', ...options }))
    return this.ask(Opcode.STARTUP, (writer) => writeStartup(writer, all))
  }

  query(text: string, options?: { streamId?: number; flags?: number }): Response {
    return this.ask(Opcode.QUERY, (writer) => writeQueryHead(writer, text, 1, 0), options)
  }

  prepare(text: string): Response {
    return this.ask(Opcode.PREPARE, (writer) => writePrepare(writer, text))
  }
}

export { writeParametersTail }

/** A node on an engine in memory. */
export function openNode(options: EngineNodeOptions & { clock?: Clock } = {}): EngineNode {
  const { clock, ...rest } = options
  const engine = new Engine({ storage: new MemoryStore(), ...(clock && { clock }) })
  return new EngineNode(engine, rest)
}

/** A client of a new node that may ask at once. */
export function readyClient(node: EngineNode = openNode()): TestClient {
  const client = new TestClient(node)
  client.startup()
  return client
}
