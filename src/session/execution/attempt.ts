import type { TsyllaError } from '../../errors/index.ts'
import type { WireWriter } from '../../protocol/index.ts'
import type { Connection, ConnectionRequest } from '../../transport/index.ts'
import type { Request } from './request.ts'

/** One try of a request: it owns a connection and a stream id there. */
export class Attempt implements ConnectionRequest {
  readonly request: Request
  readonly connection: Connection
  readonly sentMs: number
  readonly deadlineMs: number
  streamId = -1

  constructor(request: Request, connection: Connection, sentMs: number, deadlineMs: number) {
    this.request = request
    this.connection = connection
    this.sentMs = sentMs
    this.deadlineMs = deadlineMs
  }

  encode(writer: WireWriter, streamId: number, connection: Connection): void {
    const { request } = this
    request.message.encode(writer, streamId, connection, request.pagingState)
  }

  onResponse(flags: number, opcode: number, bytes: Buffer, start: number, end: number): void {
    this.request.onResponse(this, flags, opcode, bytes, start, end)
  }

  onLost(error: TsyllaError, wasWritten: boolean): void {
    this.request.onLost(this, error, wasWritten)
  }

  onOverdue(nowMs: number): number {
    return this.request.onOverdue(nowMs)
  }

  onTimeout(wasWritten: boolean): void {
    this.request.onAttemptTimeout(this, wasWritten)
  }
}
