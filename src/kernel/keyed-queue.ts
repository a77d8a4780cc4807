import { RequestTimeoutError } from '../errors/index.ts'
import type { Clock } from '../util/index.ts'

/** How long a caller of {@link KeyedQueue.run} waits for its turn. */
export interface TurnLimit {
  readonly clock: Clock
  /** By the monotonic clock. */
  readonly deadlineMs: number
  /** The caller's own timeout, for the error. */
  readonly timeoutMs: number
}

/**
 * Runs tasks of one key one after another, tasks of different keys side by side. In front of
 * conditional writes it costs nothing, because the server runs those of one partition one by one
 * anyway, and it keeps callers of one process from outbidding each other's Paxos ballots.
 */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /** Number of keys with tasks that have not ended. */
  get size(): number {
    return this.#tails.size
  }

  /**
   * Runs `task` when all earlier tasks of `key` have ended.
   *
   * @throws RequestTimeoutError when the deadline passes before its turn; the task never runs then
   */
  run<T>(key: string, task: () => Promise<T>, limit: TurnLimit): Promise<T> {
    return new Promise((resolve, reject) => {
      const turn = this.#tails.get(key)
      const result = turn === undefined ? task() : afterTurn(turn, task, limit, reject)
      const tail = result.then(resolve, reject).then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key)
      })
      this.#tails.set(key, tail)
    })
  }
}

/**
 * Runs the task after its turn has come, unless the deadline passes first, which `onTimeout`
 * learns.
 */
async function afterTurn<T>(
  turn: Promise<void>,
  task: () => Promise<T>,
  { clock, deadlineMs, timeoutMs }: TurnLimit,
  onTimeout: (error: unknown) => void,
): Promise<T> {
  const error = new RequestTimeoutError(timeoutMs, 'not_applied')
  const leftMs = Math.max(0, deadlineMs - clock.monotonicMs())
  const timer = clock.schedule(leftMs, () => onTimeout(error), true)
  await turn
  timer.cancel()
  // A task that starts with no time left would only report its write as lost.
  if (clock.monotonicMs() >= deadlineMs) throw error
  return await task()
}
