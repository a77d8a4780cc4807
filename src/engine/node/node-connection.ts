import { ProtocolError, ServerError, ServerErrorCode } from '../../errors/index.ts'
import {
  emptyResponsePrefix,
  eventStreamId,
  EventType,
  type FrameHandler,
  FrameParser,
  FramingV4,
  HeaderFlag,
  initialFeatures,
  Opcode,
  OutputBuffer,
  type ProtocolFeatures,
  readRequest,
  readRequestPayload,
  type Request,
  type ResponsePrefix,
  type ServerEvent,
  type StartupRequest,
  VersionMismatchError,
  WireReader,
  type WireWriter,
  writeAuthenticate,
  writeAuthToken,
  writeEvent,
  writeSupported,
} from '../../protocol/index.ts'
import type { Inet } from '../../types/index.ts'
import { exhaustive } from '../../util/index.ts'
import type { AnswerMemory } from '../answer-memory.ts'
import type { EngineResult } from '../execute/result.ts'
import type { SystemRow } from '../system/system-row.ts'
import type { Trace } from '../system/trace-log.ts'
import { authenticatorName, checkPlainToken } from './credentials.ts'
import { invalid } from '../errors.ts'
import { checkStartup, isVersion, opcodeName, unsupportedVersionFrame } from './negotiation.ts'
import type { NodeHost } from './node-host.ts'
import type { NodeOutput } from './node-output.ts'
import { ResponseWriter } from './response-writer.ts'
import { executeBatch, executePrepared, executeQuery } from './statement-requests.ts'
import { describeRequest } from './request-description.ts'

/** The other end of a connection. */
export interface ClientAddress {
  readonly address: Inet
  readonly port: number
  readonly isEncrypted?: boolean
  /** Bounds the passwords that are tried from there. */
  readonly loginGuard?: LoginGuard | undefined
}

/** Bounds the passwords that clients may try. */
export interface LoginGuard {
  /** @throws AuthenticationError or a ServerError when no further password is accepted now */
  check(): void
  /** A password was wrong. */
  failed(): void
}

/** Stages of a connection (transport.ConnectionStage). */
export const ConnectionStage = { established: 0, authenticating: 1, ready: 2, closed: 3 } as const
export type ConnectionStage = (typeof ConnectionStage)[keyof typeof ConnectionStage]

const stageNames: readonly string[] = ['established', 'authenticating', 'ready', 'closed']

/**
 * Requests of one connection that wait for the disk or read long: as many as there are stream ids.
 * Further ones are answered with OVERLOADED and not executed.
 */
const pendingCountMax = 32_768
/** Cassandra's `native_transport_max_message_size`: the longest request, header included. */
const requestBytesMax = 16 * 1024 * 1024
/** The longest request of a client that has not logged in. */
const handshakeRequestBytesMax = 256 * 1024
/** Memory that answers are written into before they leave together. */
const slabBytes = 64 * 1024
/** Frames of other protocol versions a client may try on one connection. */
const versionTriesMax = 8
/** Wrong passwords a client may try on one connection. */
const passwordTriesMax = 3

/**
 * The connection of one client, without I/O: bytes in, frames out. Answers of one turn leave
 * together. Every request has an answer; bytes that are no frames end the connection.
 */
export class NodeConnection implements FrameHandler {
  readonly #node: NodeHost
  readonly #peer: NodeOutput
  readonly #output: OutputBuffer = new OutputBuffer(slabBytes)
  readonly #client: ClientAddress
  #parser: FrameParser = this.#newParser()
  readonly #reader: WireReader = new WireReader()
  readonly #writer: WireWriter
  readonly #responses: ResponseWriter
  /** Bounds the bytes of answers that wait for a commit or for the client. */
  readonly memory: AnswerMemory
  readonly #abort: AbortController = new AbortController()
  readonly #eventTypes: Set<string> = new Set()
  #startup: ReadonlyMap<string, string> = new Map()
  #features: ProtocolFeatures = initialFeatures
  #stage: ConnectionStage = ConnectionStage.established
  #keyspace: string | undefined
  readonly #defer = (callback: () => void): void => this.#node.engine.runtime.defer(callback)
  #pendingCount = 0
  #requestCount = 0
  #versionTryCount = 0
  #passwordTryCount = 0
  /** Whether frames are being read: their answers leave together when that ends. */
  #isReceiving = false
  /** Whether requests wait until the client has read its answers. */
  #isHeld = false
  /** What the client sent while its requests wait. */
  #backlog: Uint8Array[] = []

  constructor(node: NodeHost, output: NodeOutput, client: ClientAddress) {
    this.#node = node
    this.#peer = output
    this.#output.attach(output)
    this.#writer = this.#output.writer
    this.#responses = new ResponseWriter(this.#writer)
    this.#client = client
    this.memory = node.engine.addClient(() => this.#output.pendingBytes)
  }

  /** Whether the client has logged in, where that is asked of it, and may send statements. */
  get isReady(): boolean {
    return this.#stage === ConnectionStage.ready
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
    return {
      address: this.#client.address,
      port: this.#client.port,
      client_options: this.#startup,
      connection_stage: stageNames[this.#stage],
      driver_name: this.#startup.get('DRIVER_NAME'),
      driver_version: this.#startup.get('DRIVER_VERSION'),
      hostname: this.#client.address.toString(),
      keyspace_name: this.#keyspace,
      protocol_version: this.#features.version,
      request_count: BigInt(this.#requestCount),
      ssl_enabled: this.#client.isEncrypted === true,
      username: this.#node.credentials?.user ?? 'anonymous',
    }
  }

  /**
   * Takes what the client sent. The memory must stay as it is for as long as a request of it is
   * being executed: it is not copied.
   */
  push(bytes: Uint8Array, start: number = 0, end: number = bytes.length): void {
    if (this.#stage === ConnectionStage.closed) return
    if (this.#isHeld) this.#backlog.push(bytes.subarray(start, end))
    else this.#receive(bytes, start, end)
  }

  /** The client has read answers: executes the requests that waited. */
  onTaken(): void {
    if (this.#stage === ConnectionStage.closed) return
    this.memory.notifyTaken()
    this.#resume()
  }

  #resume(): void {
    if (!this.#isHeld || this.memory.isFull) return
    this.#isHeld = false
    const backlog = this.#backlog
    this.#backlog = []
    for (const bytes of backlog) this.push(bytes)
    if (!this.#isHeld) this.#peer.resumeInput?.()
  }

  #receive(bytes: Uint8Array, start: number, end: number): void {
    this.#isReceiving = true
    let taken = end
    try {
      taken = this.#parser.push(bytes, start, end)
    } catch (error) {
      this.#refuse(error)
    }
    this.#isReceiving = false
    if (taken < end) this.#backlog.push(bytes.subarray(taken, end))
    this.#output.flush()
  }

  #newParser(): FrameParser {
    const frameBytesMax = handshakeRequestBytesMax
    return new FrameParser(this, { direction: 'request', frameBytesMax })
  }

  /**
   * The bytes were no frames of this version. A client that tries versions may go on, as on
   * Cassandra: it gets an error and what it sent is dropped. Otherwise the connection ends.
   */
  #refuse(error: unknown): void {
    if (!(error instanceof VersionMismatchError)) {
      this.#responses.error(0, emptyResponsePrefix, error)
      this.#end()
      return
    }
    this.#writer.writeRaw(unsupportedVersionFrame(error))
    const isNegotiating = this.#stage === ConnectionStage.established && isVersion(error.version)
    if (isNegotiating && ++this.#versionTryCount < versionTriesMax) this.#parser = this.#newParser()
    else this.#end()
  }

  #end(): void {
    this.#output.flush()
    this.#peer.end()
    this.close()
  }

  /** The client is gone, or is to be; what is being executed for it is given up. */
  close(): void {
    if (this.#stage === ConnectionStage.closed) return
    this.#stage = ConnectionStage.closed
    this.#parser.stop()
    this.#output.close()
    this.#backlog = []
    this.#abort.abort()
    this.#node.engine.removeClient(this.memory)
    this.#node.forget(this)
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
      this.#checkStage(opcode)
      readRequestPayload(reader, flags)
      const request = readRequest(reader, opcode)
      if ((flags & HeaderFlag.TRACING) !== 0) trace = this.#beginTrace(request)
      this.#handle(streamId, request, trace)
    } catch (error) {
      this.#failAfterCommit(streamId, error, trace)
    }
    this.#limitOutput()
  }

  /** Envelope.Decoder. */
  onFrameTooLarge(streamId: number, frameBytes: number): void {
    const { frameBytesMax } = this.#parser
    const error = invalid(
      `Request is too big: length ${frameBytes} exceeds maximum allowed length ${frameBytesMax}.`,
    )
    this.#fail(streamId, error, undefined)
    this.#limitOutput()
  }

  /** Lets further requests wait when the client does not read its answers. */
  #limitOutput(): void {
    this.#output.flushLarge()
    if (this.#stage === ConnectionStage.closed) return
    if (!this.memory.isFull) this.#resume()
    else if (!this.#isHeld) {
      this.#isHeld = true
      this.#parser.pause()
      this.#peer.pauseInput?.()
    }
  }

  /** The schema may be why a statement fails, and its last change may not be durable yet. */
  #failAfterCommit(streamId: number, error: unknown, trace: Trace | undefined): void {
    const committed = this.#node.engine.schemaCommit()
    if (committed === undefined || this.#pendingCount >= pendingCountMax) {
      this.#fail(streamId, error, trace)
    } else {
      this.#whenSettled(committed, streamId, trace, () => this.#fail(streamId, error, trace))
    }
  }

  #scheduleFlush(): void {
    if (!this.#isReceiving) this.#output.flushLater(this.#defer)
  }

  #sendPrepared(streamId: number, body: Uint8Array, trace: Trace | undefined): void {
    this.#send(streamId, Opcode.RESULT, trace, () => this.#writer.writeRaw(body))
  }

  /** ServerConnection.validateNewMessage. */
  #checkStage(opcode: number): void {
    const stage = this.#stage
    const name = opcodeName(opcode)
    if (stage === ConnectionStage.ready) {
      if (opcode !== Opcode.STARTUP) return
      throw new ProtocolError('Unexpected message STARTUP, the connection is already initialized')
    }
    if (stage === ConnectionStage.established) {
      if (opcode === Opcode.STARTUP || opcode === Opcode.OPTIONS) return
      throw new ProtocolError(`Unexpected message ${name}, expecting STARTUP or OPTIONS`)
    }
    if (opcode !== Opcode.AUTH_RESPONSE) {
      throw new ProtocolError(`Unexpected message ${name}, expecting SASL_RESPONSE`)
    }
  }

  /** What is refused here must not have been executed. */
  #checkPendingCount(): void {
    if (this.#pendingCount < pendingCountMax) return
    throw new ServerError(
      ServerErrorCode.OVERLOADED,
      `${pendingCountMax} requests of this connection are being executed already`,
    )
  }

  #handle(streamId: number, request: Request, trace: Trace | undefined): void {
    const node = this.#node
    this.#checkPendingCount()
    switch (request.opcode) {
      case Opcode.EXECUTE: {
        const { skipMetadata } = request.parameters
        this.#answer(streamId, executePrepared(node, request, this), skipMetadata, trace)
        return
      }
      case Opcode.QUERY: {
        const { skipMetadata } = request.parameters
        this.#answer(streamId, executeQuery(node, request, this), skipMetadata, trace)
        return
      }
      case Opcode.BATCH:
        this.#answer(streamId, executeBatch(node, request, this), false, trace)
        return
      case Opcode.PREPARE: {
        const { body } = node.statements.prepare(request.text, this.#keyspace)
        const committed = node.engine.schemaCommit()
        if (committed === undefined) this.#sendPrepared(streamId, body, trace)
        else
          this.#whenSettled(committed, streamId, trace, () => {
            this.#sendPrepared(streamId, body, trace)
          })
        return
      }
      case Opcode.OPTIONS:
        this.#send(streamId, Opcode.SUPPORTED, trace, () =>
          writeSupported(this.#writer, node.supported()),
        )
        return
      case Opcode.STARTUP:
        this.#start(streamId, request)
        return
      case Opcode.AUTH_RESPONSE:
        this.#authenticate(streamId, request.token)
        return
      case Opcode.REGISTER:
        this.#register(request.eventTypes)
        this.#send(streamId, Opcode.READY, trace)
        return
      default:
        exhaustive(request)
    }
  }

  #start(streamId: number, { options }: StartupRequest): void {
    checkStartup(options)
    const compression = options.get('COMPRESSION')?.toLowerCase()
    if (compression !== undefined && compression !== '') {
      const compressor = this.#node.compressor(compression)
      if (compressor === undefined) {
        throw new ProtocolError(`Unknown compression algorithm: ${compression}`)
      }
      this.#parser.compressor = compressor
      this.#responses.framing = new FramingV4(compressor)
      this.#features = Object.freeze({ ...initialFeatures, compression: compressor.name })
    }
    this.#startup = options
    if (this.#node.credentials === undefined) {
      this.#becomeReady()
      this.#send(streamId, Opcode.READY, undefined)
    } else {
      this.#stage = ConnectionStage.authenticating
      this.#send(streamId, Opcode.AUTHENTICATE, undefined, () =>
        writeAuthenticate(this.#writer, authenticatorName),
      )
    }
  }

  #authenticate(streamId: number, token: Uint8Array | null): void {
    const { credentials } = this.#node
    if (this.#stage !== ConnectionStage.authenticating || credentials === undefined) {
      throw new ProtocolError('Unexpected message AUTH_RESPONSE: no authentication is in progress')
    }
    const guard = this.#client.loginGuard
    guard?.check()
    try {
      checkPlainToken(token, credentials)
    } catch (error) {
      guard?.failed()
      if (++this.#passwordTryCount < passwordTriesMax) throw error
      this.#fail(streamId, error, undefined)
      this.#end()
      return
    }
    this.#becomeReady()
    this.#send(streamId, Opcode.AUTH_SUCCESS, undefined, () => writeAuthToken(this.#writer, null))
  }

  #becomeReady(): void {
    this.#stage = ConnectionStage.ready
    this.#parser.frameBytesMax = requestBytesMax
  }

  #register(eventTypes: readonly string[]): void {
    for (const type of eventTypes) {
      if (!Object.hasOwn(EventType, type)) {
        throw new ProtocolError(`Invalid value '${type}' for Type`)
      }
    }
    for (const type of eventTypes) this.#eventTypes.add(type)
  }

  /** Sends an event to a client that registered for its kind. */
  sendEvent(event: ServerEvent): void {
    if (this.#stage !== ConnectionStage.ready || !this.#eventTypes.has(event.type)) return
    this.#responses.frame(eventStreamId, Opcode.EVENT, emptyResponsePrefix, () =>
      writeEvent(this.#writer, event),
    )
    this.#scheduleFlush()
  }

  #answer(
    streamId: number,
    outcome: EngineResult | Promise<EngineResult>,
    skipMetadata: boolean,
    trace: Trace | undefined,
  ): void {
    if (outcome instanceof Promise) {
      this.#whenSettled(outcome, streamId, trace, (result) =>
        this.#sendResult(streamId, result, skipMetadata, trace),
      )
    } else {
      this.#sendResult(streamId, outcome, skipMetadata, trace)
    }
  }

  /** Answers when `outcome` has settled: with `send`, or with its error. */
  #whenSettled<T>(
    outcome: Promise<T>,
    streamId: number,
    trace: Trace | undefined,
    send: (value: T) => void,
  ): void {
    this.#pendingCount++
    outcome.then(
      (value) => {
        this.#pendingCount--
        this.#sendLater(streamId, trace, () => send(value))
      },
      (error: unknown) => {
        this.#pendingCount--
        this.#sendLater(streamId, trace, () => this.#fail(streamId, error, trace))
      },
    )
  }

  #sendLater(streamId: number, trace: Trace | undefined, send: () => void): void {
    if (this.#stage === ConnectionStage.closed) return
    try {
      send()
    } catch (error) {
      this.#fail(streamId, error, trace)
    }
    this.#scheduleFlush()
    this.#limitOutput()
  }

  #sendResult(
    streamId: number,
    result: EngineResult,
    skipMetadata: boolean,
    trace: Trace | undefined,
  ): void {
    if (result.kind === 'set_keyspace') this.#keyspace = result.keyspace
    const { warnings } = result
    const prefix =
      warnings.length === 0 && trace === undefined
        ? emptyResponsePrefix
        : { ...emptyResponsePrefix, warnings, tracingId: trace?.sessionId }
    if (trace !== undefined) this.#node.tracer.finish(trace, 'Request complete')
    this.#responses.result(streamId, prefix, result, skipMetadata)
  }

  #fail(streamId: number, error: unknown, trace: Trace | undefined): void {
    if (trace !== undefined) this.#node.tracer.finish(trace, 'Request failed')
    this.#responses.error(streamId, prefixOf(trace), error)
  }

  #send(
    streamId: number,
    opcode: number,
    trace: Trace | undefined,
    encode: () => void = () => {},
  ): void {
    if (trace !== undefined) this.#node.tracer.finish(trace, 'Request complete')
    this.#responses.frame(streamId, opcode, prefixOf(trace), encode)
  }

  #beginTrace(request: Request): Trace | undefined {
    const description = describeRequest(request, (id) => this.#node.statements.prepared(id).text)
    if (description === undefined) return undefined
    const { tracer, system } = this.#node
    const { title, parameters } = description
    return tracer.begin(title, this.#client.address, system.address, parameters)
  }
}

function prefixOf(trace: Trace | undefined): ResponsePrefix {
  return trace === undefined
    ? emptyResponsePrefix
    : { ...emptyResponsePrefix, tracingId: trace.sessionId }
}
