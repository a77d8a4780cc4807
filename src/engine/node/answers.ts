import { ServerError, ServerErrorCode } from '../../errors/index.ts'
import {
  emptyResponsePrefix,
  eventStreamId,
  type Framing,
  Opcode,
  type ResponsePrefix,
  type ServerEvent,
  type WireWriter,
  writeEvent,
} from '../../protocol/index.ts'
import type { EngineResult } from '../execute/result.ts'
import type { Trace } from '../system/trace-log.ts'
import type { NodeHost } from './node-host.ts'
import { ResponseWriter } from './response-writer.ts'

/**
 * Requests of one connection that wait for the disk or read long: as many as there are stream ids.
 * Further ones are answered with OVERLOADED and not executed.
 */
const pendingCountMax = 32_768

/** The request that an answer is for. */
export interface RequestOrigin {
  readonly streamId: number
  /** Set when the client asked for a trace. */
  readonly trace: Trace | undefined
  /** What a result has besides its rows. */
  readonly customPayload?: ReadonlyMap<string, Uint8Array> | undefined
}

type AnswersHost = Pick<NodeHost, 'engine' | 'tracer'>

/**
 * The answers of one connection: at once, or when what they depend on has settled. Every request
 * has one answer, unless the connection is closed before.
 */
export class Answers {
  readonly #host: AnswersHost
  readonly #responses: ResponseWriter
  readonly #afterLateAnswer: () => void
  #pendingCount = 0
  #isClosed = false

  /** @param afterLateAnswer is called after an answer that was not written at once */
  constructor(host: AnswersHost, writer: WireWriter, afterLateAnswer: () => void) {
    this.#host = host
    this.#responses = new ResponseWriter(writer)
    this.#afterLateAnswer = afterLateAnswer
  }

  get writer(): WireWriter {
    return this.#responses.writer
  }

  /** Uses `framing` for all further answers. */
  useFraming(framing: Framing): void {
    this.#responses.framing = framing
  }

  /** @throws ServerError when no further request may be executed */
  checkPendingCount(): void {
    if (this.#pendingCount < pendingCountMax) return
    throw new ServerError(
      ServerErrorCode.OVERLOADED,
      `${pendingCountMax} requests of this connection are being executed already`,
    )
  }

  /** Answers with a message. */
  send(origin: RequestOrigin, opcode: number, encode: () => void = () => {}): void {
    this.#finishTrace(origin, 'Request complete')
    this.#responses.frame(origin.streamId, opcode, prefixOf(origin.trace), encode)
  }

  /** Answers a statement with its result, which may not be known yet. */
  sendResult(
    origin: RequestOrigin,
    outcome: EngineResult | Promise<EngineResult>,
    skipMetadata: boolean,
    onResult: (result: EngineResult) => void,
  ): void {
    if (outcome instanceof Promise) {
      this.#whenSettled(origin, outcome, (result) => {
        onResult(result)
        this.#writeResult(origin, result, skipMetadata)
      })
    } else {
      onResult(outcome)
      this.#writeResult(origin, outcome, skipMetadata)
    }
  }

  #writeResult(origin: RequestOrigin, result: EngineResult, skipMetadata: boolean): void {
    const { warnings } = result
    const { trace, streamId, customPayload } = origin
    const prefix =
      warnings.length === 0 && trace === undefined && customPayload === undefined
        ? emptyResponsePrefix
        : { ...emptyResponsePrefix, warnings, tracingId: trace?.sessionId, customPayload }
    this.#finishTrace(origin, 'Request complete')
    this.#responses.result(streamId, prefix, result, skipMetadata)
  }

  /** Answers PREPARE, once the schema that the statement was prepared against is durable. */
  sendPrepared(origin: RequestOrigin, body: Uint8Array): void {
    const send = (): void => this.send(origin, Opcode.RESULT, () => this.writer.writeRaw(body))
    const committed = this.#host.engine.schemaCommit()
    if (committed === undefined) send()
    else this.#whenSettled(origin, committed, send)
  }

  sendError(origin: RequestOrigin, error: unknown): void {
    this.#finishTrace(origin, 'Request failed')
    this.#responses.error(origin.streamId, prefixOf(origin.trace), error)
  }

  /** The schema may be why a statement fails, and its last change may not be durable yet. */
  sendErrorAfterCommit(origin: RequestOrigin, error: unknown): void {
    const committed = this.#host.engine.schemaCommit()
    if (committed === undefined || this.#pendingCount >= pendingCountMax) {
      this.sendError(origin, error)
    } else {
      this.#whenSettled(origin, committed, () => this.sendError(origin, error))
    }
  }

  sendEvent(event: ServerEvent): void {
    this.#responses.frame(eventStreamId, Opcode.EVENT, emptyResponsePrefix, () =>
      writeEvent(this.writer, event),
    )
  }

  /** Answers when `outcome` has settled: with `send`, or with its error. */
  #whenSettled<T>(origin: RequestOrigin, outcome: Promise<T>, send: (value: T) => void): void {
    this.#pendingCount++
    outcome.then(
      (value) => this.#sendLate(origin, () => send(value)),
      (error: unknown) => this.#sendLate(origin, () => this.sendError(origin, error)),
    )
  }

  #sendLate(origin: RequestOrigin, send: () => void): void {
    this.#pendingCount--
    if (this.#isClosed) return
    try {
      send()
    } catch (error) {
      this.sendError(origin, error)
    }
    this.#afterLateAnswer()
  }

  #finishTrace({ trace }: RequestOrigin, activity: string): void {
    if (trace !== undefined) this.#host.tracer.finish(trace, activity)
  }

  close(): void {
    this.#isClosed = true
  }
}

function prefixOf(trace: Trace | undefined): ResponsePrefix {
  return trace === undefined
    ? emptyResponsePrefix
    : { ...emptyResponsePrefix, tracingId: trace.sessionId }
}
