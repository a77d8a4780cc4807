import {
  type ExecuteRequest,
  type FrameHandler,
  Framing,
  HeaderFlag,
  Opcode,
  OutputBuffer,
  readRequest,
  readRequestPayload,
  type Request,
  type ServerEvent,
  type StartupRequest,
  VersionMismatchError,
  WireReader,
  writeAuthenticate,
  writeAuthToken,
  writeSupported,
} from '../../protocol/index.ts'
import { exhaustive } from '../../util/index.ts'
import type { AnswerMemory } from '../answer-memory.ts'
import { invalid } from '../errors.ts'
import type { EngineResult } from '../execute/result.ts'
import type { SystemRow } from '../system/system-row.ts'
import type { Trace } from '../system/trace-log.ts'
import { Answers, type RequestOrigin } from './answers.ts'
import type { ClientAddress } from './client-address.ts'
import { authenticatorName } from './credentials.ts'
import { Handshake } from './handshake.ts'
import { checkEventTypes, unsupportedVersionFrame } from './negotiation.ts'
import type { NodeHost } from './node-host.ts'
import type { NodeOutput } from './node-output.ts'
import { describeRequest } from './request-description.ts'
import { RequestIntake } from './request-intake.ts'
import { partitionOf } from './requested-partition.ts'
import {
  executeBatch,
  executePrepared,
  executeQuery,
  executePrepare,
  type StatementScope,
} from './statement-requests.ts'

/** Memory that answers are written into before they leave together. */
const slabBytes = 64 * 1024
/**
 * Events that a client may leave unread, about 100 bytes each. A client that registers for events
 * and reads none of them is disconnected: it has to read the schema again.
 */
export const unreadEventCountMax = 10_000

/**
 * The connection of one client, without I/O: bytes in, frames out. Answers of one turn leave
 * together. Bytes that are no frames end the connection.
 */
export class NodeConnection implements FrameHandler, StatementScope {
  /** Bounds the bytes of answers that wait for a commit or for the client. */
  readonly memory: AnswerMemory
  readonly #node: NodeHost
  readonly #peer: NodeOutput
  readonly #client: ClientAddress
  readonly #output: OutputBuffer = new OutputBuffer(slabBytes)
  readonly #handshake: Handshake
  readonly #intake: RequestIntake
  readonly #answers: Answers
  readonly #reader: WireReader = new WireReader()
  readonly #abort: AbortController = new AbortController()
  readonly #eventTypes: Set<string> = new Set()
  /** Events since the client had taken everything. */
  #unreadEventCount = 0
  #keyspace: string | undefined
  #requestCount = 0
  readonly #defer = (callback: () => void): void => this.#node.engine.runtime.defer(callback)
  readonly #noteResult = (result: EngineResult): void => {
    if (result.kind === 'set_keyspace') this.#keyspace = result.keyspace
  }

  constructor(node: NodeHost, peer: NodeOutput, client: ClientAddress) {
    const output = this.#output
    this.#node = node
    this.#peer = peer
    this.#client = client
    output.attach(peer)
    this.memory = node.engine.addClient(() => output.pendingBytes)
    this.#handshake = new Handshake(node, client.loginGuard)
    this.#answers = new Answers(node, output.writer, () => {
      this.#scheduleFlush()
      this.#intake.adjust()
    })
    this.#intake = new RequestIntake({
      handler: this,
      onMalformed: (error) => this.#refuse(error),
      output,
      peer,
      memory: this.memory,
    })
  }

  /** Whether the client may send statements: it has logged in if it has to. */
  get isReady(): boolean {
    return this.#handshake.isReady
  }

  /** Keyspace of the last USE. */
  get keyspace(): string | undefined {
    return this.#keyspace
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The row of this connection in `system_views.clients`. */
  describe(): SystemRow {
    const { startupOptions, stageName, features } = this.#handshake
    const { address, port, isEncrypted } = this.#client
    return {
      address,
      port,
      client_options: startupOptions,
      connection_stage: stageName,
      driver_name: startupOptions.get('DRIVER_NAME'),
      driver_version: startupOptions.get('DRIVER_VERSION'),
      hostname: address.toString(),
      keyspace_name: this.#keyspace,
      protocol_version: features.version,
      request_count: BigInt(this.#requestCount),
      ssl_enabled: isEncrypted === true,
      username: this.#node.credentials?.user ?? 'anonymous',
    }
  }

  /**
   * Takes what the client sent. The memory must stay as it is for as long as a request of it is
   * being executed: it is not copied.
   */
  push(bytes: Uint8Array, start: number = 0, end: number = bytes.length): void {
    this.#intake.push(bytes, start, end)
  }

  /** The client has taken answers: its requests and its reads may go on. */
  onTaken(): void {
    if (this.#output.pendingBytes === 0) this.#unreadEventCount = 0
    this.memory.notifyTaken()
    this.#intake.adjust()
  }

  onFrame(
    flags: number,
    streamId: number,
    opcode: number,
    bytes: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    this.#requestCount++
    const reader = this.#reader
    reader.reset(bytes, bodyStart, bodyEnd)
    let trace: Trace | undefined
    try {
      this.#handshake.checkOpcode(opcode)
      readRequestPayload(reader, flags)
      const request = readRequest(reader, opcode)
      if ((flags & HeaderFlag.TRACING) !== 0) trace = this.#beginTrace(request)
      this.#answers.checkPendingCount()
      this.#handle({ streamId, trace }, request)
    } catch (error) {
      this.#answers.sendErrorAfterCommit({ streamId, trace }, error)
    }
    this.#intake.adjust()
  }

  /** Envelope.Decoder. */
  onFrameTooLarge(streamId: number, frameBytes: number): void {
    const { frameBytesMax } = this.#intake
    const error = invalid(
      `Request is too big: length ${frameBytes} exceeds maximum allowed length ${frameBytesMax}.`,
    )
    this.#answers.sendError({ streamId, trace: undefined }, error)
    this.#intake.adjust()
  }

  #handle(origin: RequestOrigin, request: Request): void {
    const node = this.#node
    const answers = this.#answers
    switch (request.opcode) {
      case Opcode.EXECUTE: {
        const { skipMetadata } = request.parameters
        const outcome = executePrepared(node, request, this)
        const placed = node.placement === undefined ? origin : this.#place(origin, request)
        answers.sendResult(placed, outcome, skipMetadata, this.#noteResult)
        return
      }
      case Opcode.QUERY: {
        const { skipMetadata } = request.parameters
        const outcome = executeQuery(node, request, this)
        answers.sendResult(origin, outcome, skipMetadata, this.#noteResult)
        return
      }
      case Opcode.BATCH:
        answers.sendResult(origin, executeBatch(node, request, this), false, this.#noteResult)
        return
      case Opcode.PREPARE:
        answers.sendPrepared(origin, executePrepare(node, request, this))
        return
      case Opcode.OPTIONS:
        answers.send(origin, Opcode.SUPPORTED, () =>
          writeSupported(answers.writer, node.supported(this.#client)),
        )
        return
      case Opcode.STARTUP:
        this.#start(origin, request)
        return
      case Opcode.AUTH_RESPONSE:
        this.#authenticate(origin, request.token)
        return
      case Opcode.REGISTER:
        checkEventTypes(request.eventTypes)
        for (const type of request.eventTypes) this.#eventTypes.add(type)
        answers.send(origin, Opcode.READY)
        return
      default:
        exhaustive(request)
    }
  }

  /** Asks the placement of the node what a response says besides its result. */
  #place(origin: RequestOrigin, request: ExecuteRequest): RequestOrigin {
    const partition = partitionOf(this.#node, request)
    if (partition === undefined) return origin
    return { ...origin, customPayload: this.#node.placement?.onRequest(this.#client, partition) }
  }

  #start(origin: RequestOrigin, request: StartupRequest): void {
    const answers = this.#answers
    const compressor = this.#handshake.start(request)
    if (compressor !== undefined) {
      this.#intake.useCompressor(compressor)
      answers.useFraming(new Framing(compressor))
    }
    if (this.isReady) {
      this.#intake.acceptFullSize()
      answers.send(origin, Opcode.READY)
    } else {
      answers.send(origin, Opcode.AUTHENTICATE, () =>
        writeAuthenticate(answers.writer, authenticatorName),
      )
    }
  }

  #authenticate(origin: RequestOrigin, token: Uint8Array | null): void {
    const answers = this.#answers
    try {
      this.#handshake.authenticate(token)
    } catch (error) {
      if (!this.#handshake.isOutOfTries) throw error
      answers.sendError(origin, error)
      this.#end()
      return
    }
    this.#intake.acceptFullSize()
    answers.send(origin, Opcode.AUTH_SUCCESS, () => writeAuthToken(answers.writer, null))
  }

  /** Sends an event to a client that registered for its kind. */
  sendEvent(event: ServerEvent): void {
    if (!this.isReady || !this.#eventTypes.has(event.type)) return
    if (this.#output.pendingBytes === 0) this.#unreadEventCount = 0
    if (++this.#unreadEventCount > unreadEventCountMax) {
      this.#end()
      return
    }
    this.#answers.sendEvent(event)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (!this.#intake.isReceiving) this.#output.flushLater(this.#defer)
  }

  #beginTrace(request: Request): Trace | undefined {
    const description = describeRequest(request, (id) => this.#node.statements.prepared(id).text)
    if (description === undefined) return undefined
    const { tracer, system } = this.#node
    const { title, parameters } = description
    return tracer.begin(title, this.#client.address, system.address, parameters)
  }

  /**
   * The bytes were no frames of this version. A client that tries versions may go on, as on
   * Cassandra: it gets an error and what it sent is dropped. Otherwise the connection ends.
   */
  #refuse(error: unknown): void {
    const answers = this.#answers
    if (!(error instanceof VersionMismatchError)) {
      answers.sendError({ streamId: 0, trace: undefined }, error)
      this.#end()
      return
    }
    answers.writer.writeRaw(unsupportedVersionFrame(error))
    if (this.#handshake.mayTryVersion(error)) this.#intake.renewParser()
    else this.#end()
  }

  #end(): void {
    this.#output.flush()
    this.#peer.end()
    this.#stop()
    // What the client has not taken is memory until its socket is closed, which calls `close`.
    if (this.#output.pendingBytes === 0) this.close()
  }

  /** Gives up what is being executed for the client, and sends nothing any more. */
  #stop(): void {
    if (this.#handshake.isClosed) return
    this.#handshake.close()
    this.#intake.close()
    this.#answers.close()
    this.#output.close()
    this.#abort.abort()
    this.#node.engine.endReads(this.memory)
    this.#node.forget(this)
  }

  /** The client is gone: what it has not taken no longer takes memory. */
  close(): void {
    this.#stop()
    this.#node.engine.removeClient(this.memory)
  }
}
