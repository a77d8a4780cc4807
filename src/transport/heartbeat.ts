import { ConnectionError } from '../errors/index.ts'
import { Opcode } from '../protocol/index.ts'
import { sendInternalRequest } from './internal-request.ts'
import { type Connection, type ConnectionProbe, ConnectionState } from './connection.ts'
import type { DeadlineTimer } from './deadline-timer.ts'

/** How long a probed node may stay silent. */
export const heartbeatTimeoutMs = 5_000

/**
 * Finds half-open connections: after a quiet interval, or when a request is overdue and nothing has
 * come since it was sent, it asks OPTIONS, and a connection that stays silent is closed. A slow
 * request alone never closes anything.
 */
export class Heartbeat implements ConnectionProbe {
  readonly #connection: Connection
  readonly #deadlineTimer: DeadlineTimer
  readonly #intervalMs: number
  #isWaiting = false

  constructor(connection: Connection, deadlineTimer: DeadlineTimer, intervalMs: number) {
    this.#connection = connection
    this.#deadlineTimer = deadlineTimer
    this.#intervalMs = intervalMs
  }

  onTick(nowMs: number): void {
    // One that drains takes no probe; the deadlines of its requests end it.
    if (this.#connection.state !== ConnectionState.ready) return
    const quietMs = nowMs - this.#connection.lastReceivedMs
    if (quietMs >= this.#intervalMs) this.probe()
  }

  probe(): void {
    if (this.#isWaiting || this.#connection.state !== ConnectionState.ready) return
    this.#isWaiting = true
    const options = { deadlineTimer: this.#deadlineTimer, timeoutMs: heartbeatTimeoutMs }
    sendInternalRequest(this.#connection, Opcode.OPTIONS, () => {}, options).then(
      () => {
        this.#isWaiting = false
      },
      (cause: unknown) => this.#onSilence(cause),
    )
  }

  #onSilence(cause: unknown): void {
    this.#isWaiting = false
    const { address, lastReceivedMs } = this.#connection
    // Answers to other requests prove the node alive even when the probe itself was lost.
    if (this.#deadlineTimer.nowMs() - lastReceivedMs < heartbeatTimeoutMs) return
    this.#connection.destroy(
      new ConnectionError(address, 'the node does not answer heartbeats', 'unknown', { cause }),
    )
  }
}
