import type { TsyllaError } from '../../errors/index.ts'
import type { WireWriter } from '../../protocol/index.ts'
import type { Connection, ConnectionRequest } from '../../transport/index.ts'
import type { KnownColumns } from '../result/result-metadata-cache.ts'
import type { Message } from './message.ts'

/** The request that an attempt belongs to. */
export interface AttemptOwner {
  readonly message: Message
  readonly pagingState: Uint8Array | undefined
  onResponse(
    attempt: RequestAttempt,
    flags: number,
    opcode: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void
  onLost(attempt: RequestAttempt, error: TsyllaError, wasWritten: boolean): void
  /** @returns up to when the answer is still wanted, or 0 to give up */
  onOverdue(nowMs: number): number
  onAttemptTimeout(attempt: RequestAttempt, wasWritten: boolean): void
}

/** One try of a request: it owns a connection and a stream id there. */
export class RequestAttempt implements ConnectionRequest {
  readonly owner: AttemptOwner
  readonly connection: Connection
  readonly sentMs: number
  readonly deadlineMs: number
  /** {@link DeadlineTimer.usOf} of `sentMs`. */
  sentUs = 0
  streamId = -1
  /** Columns that the node may leave out of its answer. */
  knownColumns: KnownColumns | undefined

  constructor(owner: AttemptOwner, connection: Connection, sentMs: number, deadlineMs: number) {
    this.owner = owner
    this.connection = connection
    this.sentMs = sentMs
    this.deadlineMs = deadlineMs
  }

  get dependsOnKeyspace(): boolean {
    return this.owner.message.dependsOnKeyspace(this.connection)
  }

  encode(writer: WireWriter, streamId: number, connection: Connection): void {
    const { owner } = this
    const { message, pagingState } = owner
    this.knownColumns = message.encode(writer, streamId, connection, pagingState)
  }

  onResponse(flags: number, opcode: number, bytes: Buffer, start: number, end: number): void {
    this.owner.onResponse(this, flags, opcode, bytes, start, end)
  }

  onLost(error: TsyllaError, wasWritten: boolean): void {
    this.owner.onLost(this, error, wasWritten)
  }

  onOverdue(nowMs: number): number {
    return this.owner.onOverdue(nowMs)
  }

  onTimeout(wasWritten: boolean): void {
    this.owner.onAttemptTimeout(this, wasWritten)
  }
}
