import {
  ConfigError,
  type Consistency,
  consistencyName,
  type TsyllaError,
} from '../../errors/index.ts'
import type { NodeInfo } from '../../types/index.ts'
import { didYouMean, GuardedListener, type Runtime } from '../../util/index.ts'
import { shownStatement } from './failures.ts'
import type { Message } from './message.ts'

/** A request that took long: what {@link SlowRequestOptions.log} receives. */
export interface SlowRequest {
  /**
   * CQL text, cut beyond 2,000 characters and with the literals of statements that may contain a
   * password redacted; the texts of a batch one after the other.
   */
  readonly statement: string
  /** Bound values in the order of the markers, a list of lists for a batch; with `values: true`. */
  readonly values: readonly unknown[] | undefined
  /** From the call to its end, in milliseconds: waiting, all attempts and all pages included. */
  readonly durationMs: number
  /** How often it was sent, once per page at least; 0 when it was never sent. */
  readonly attemptCount: number
  /** `host:port` of the node that answered, or was sent the last attempt; `undefined` for none. */
  readonly coordinator: string | undefined
  readonly consistency: Consistency
  /** Rows per page. */
  readonly pageSize: number
  /** Why it has failed; `undefined` when it has succeeded. */
  readonly error: TsyllaError | undefined
}

/** Option `slowRequest` of a session. */
export interface SlowRequestOptions {
  /** Milliseconds from which on a request is slow. */
  readonly thresholdMs: number
  /**
   * Called once for each slow request, after it has ended. What it throws, or its promise rejects
   * with, is reported as a warning of the process, the first time.
   */
  readonly log: (request: SlowRequest) => void | Promise<void>
  /** Whether the bound values are passed too. Default `false`, because they are user data. */
  readonly values?: boolean | undefined
}

/** A request that has ended, as it is reported. */
export interface SettledRequest {
  readonly message: Message
  readonly us: number
  readonly attemptCount: number
  readonly speculativeExecutionCount: number
  /** The node that answered, or was sent the last attempt. */
  readonly node: NodeInfo | undefined
  readonly error: TsyllaError | undefined
}

const optionNames = ['thresholdMs', 'log', 'values']

/** @throws ConfigError */
export function checkSlowRequest(options: SlowRequestOptions): SlowRequestOptions {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError('slowRequest must be an object: { thresholdMs, log }')
  }
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new ConfigError(
      `Unknown option slowRequest.${unknown}.${didYouMean(unknown, optionNames)} The options are ${optionNames.join(', ')}`,
    )
  }
  const { thresholdMs, log } = options
  if (!Number.isFinite(thresholdMs) || thresholdMs < 0) {
    throw new ConfigError('slowRequest.thresholdMs must be a number of milliseconds, 0 or more')
  }
  if (typeof log !== 'function') {
    throw new ConfigError('slowRequest.log must be a function, which receives the requests')
  }
  return options
}

/** Passes slow requests to the function of the application, which no request fails with. */
export class SlowRequestLog {
  readonly thresholdUs: number
  readonly #options: SlowRequestOptions
  readonly #runtime: Runtime
  readonly #log: GuardedListener<SlowRequest>

  constructor(options: SlowRequestOptions, runtime: Runtime) {
    this.thresholdUs = options.thresholdMs * 1_000
    this.#options = options
    this.#runtime = runtime
    this.#log = new GuardedListener('slowRequest.log', (request) => options.log(request))
  }

  report({ message, us, attemptCount, node, error }: SettledRequest): void {
    const { profile } = message
    const request: SlowRequest = {
      statement: shownStatement(message.text),
      values: this.#options.values === true ? message.boundValues : undefined,
      durationMs: us / 1_000,
      attemptCount,
      coordinator: node?.address,
      consistency: consistencyName(message.consistency)!,
      pageSize: profile.pageSize,
      error,
    }
    this.#runtime.nextTick(() => this.#log.call(request))
  }
}
