import { ConfigError } from '../errors/index.ts'
import { checkInteger, checkOneOf, checkOptions, timeoutMsMax } from '../kernel/index.ts'
import { Opcode } from '../protocol/index.ts'
import type { RandomSource } from '../util/index.ts'
import { checkForgedError, type ForgedError } from './forged-frames.ts'

/** Requests of a client, by the name that the protocol gives them. */
export type RequestName =
  | 'STARTUP'
  | 'OPTIONS'
  | 'QUERY'
  | 'PREPARE'
  | 'EXECUTE'
  | 'BATCH'
  | 'REGISTER'
  | 'AUTH_RESPONSE'

/**
 * What goes wrong:
 *
 * - `delay`: it arrives later; others overtake it.
 * - `loseRequest`: the server never receives the request, and the client gets no answer.
 * - `loseResponse`: the server executes the request, and the client gets no answer.
 * - `duplicate`: the response arrives twice.
 * - `cut`: only a part of the frame arrives, and the connection is closed.
 * - `reset`: the connection is reset, and the frame does not arrive. A request that is reset was
 *   not executed, a response that is reset was.
 * - `forgeError`: the client gets an error in the place of the answer. Of a `request` the server
 *   never hears; a `response` that is replaced was executed.
 * - `halfClose`: the frame does not arrive, and its side of the connection is ended while the other
 *   stays open.
 * - `blackHole`: from then on the connection stays open and nothing arrives, in both directions.
 */
export type FaultKind =
  | 'delay'
  | 'loseRequest'
  | 'loseResponse'
  | 'duplicate'
  | 'cut'
  | 'reset'
  | 'forgeError'
  | 'halfClose'
  | 'blackHole'

/** A frame on its way through a {@link FaultProxy}, or a connection that is being made. */
export interface ProxiedFrame {
  /** Number of the connection, from 0 in the order in which they were accepted. */
  readonly connection: number
  readonly on: 'connect' | 'request' | 'response' | 'event'
  /** The request, or the one that a response answers; `undefined` for others. */
  readonly request: RequestName | undefined
  /** Bytes of the frame, its header included; empty for a connection. Not to be changed. */
  readonly bytes: Uint8Array
}

/** When a fault happens. What is left out matches everything. */
export interface FaultRule {
  readonly fault: FaultKind
  /**
   * Whether connections, requests, responses or events are meant. Default: `request` for
   * `loseRequest` and `forgeError`, else `response`. Connections can have `delay`, `reset` and
   * `blackHole`.
   */
  readonly on?: 'connect' | 'request' | 'response' | 'event' | undefined
  /** Requests of these kinds, and the responses to them. */
  readonly request?: RequestName | readonly RequestName[] | undefined
  /** Number of one connection, from 0 in the order in which they were accepted. */
  readonly connection?: number | undefined
  /** Anything else that must be so, for example of the bytes. */
  readonly when?: ((frame: ProxiedFrame) => boolean) | undefined
  /** Part of the frames that match, from 0 to 1. Default 1. */
  readonly probability?: number | undefined
  /** So many that match are spared first. Default 0. */
  readonly skip?: number | undefined
  /** How often the fault happens at most. Default: without limit. */
  readonly times?: number | undefined
  /** For `delay`: milliseconds, or from how many to how many. Default 50. */
  readonly delayMs?: number | readonly [min: number, max: number] | undefined
  /** For `forgeError`: what the client is answered. */
  readonly error?: ForgedError | undefined
}

/** A rule in effect. */
export interface InjectedFault {
  /** How often the fault has happened. */
  readonly count: number
  /** Ends the rule; what is delayed still arrives. */
  remove(): void
}

const requestNames: ReadonlyMap<number, RequestName> = new Map(
  (
    [
      ...(['STARTUP', 'OPTIONS', 'QUERY', 'PREPARE'] as const),
      ...(['EXECUTE', 'BATCH', 'REGISTER', 'AUTH_RESPONSE'] as const),
    ] as const
  ).map((name) => [Opcode[name], name]),
)

/** The name of a request's opcode; `undefined` when it is none. */
export function requestNameOf(opcode: number): RequestName | undefined {
  return requestNames.get(opcode)
}

const faultsOn: { readonly [Kind in ProxiedFrame['on']]: readonly FaultKind[] } = {
  connect: ['delay', 'reset', 'blackHole'],
  request: ['delay', 'loseRequest', 'cut', 'reset', 'forgeError', 'halfClose', 'blackHole'],
  response: [
    ...(['delay', 'loseResponse', 'duplicate', 'cut', 'reset'] as const),
    ...(['forgeError', 'halfClose', 'blackHole'] as const),
  ],
  event: ['delay', 'duplicate', 'cut', 'reset', 'halfClose', 'blackHole'],
}

/** A rule, and how often it has matched. */
export class ActiveRule {
  readonly fault: FaultKind
  /** Of `forgeError`. */
  readonly error: ForgedError | undefined
  /** How often the fault has happened. */
  count = 0
  readonly #rule: FaultRule
  readonly #on: ProxiedFrame['on']
  readonly #requests: readonly RequestName[] | undefined
  #matchCount = 0

  /** @throws ConfigError when the fault is none that can happen there, or an option is wrong */
  constructor(rule: FaultRule) {
    checkOptions('A fault rule', rule, {
      ...{ fault: true, on: true, request: true, connection: true, when: true },
      ...{ probability: true, skip: true, times: true, delayMs: true, error: true },
    })
    this.#rule = rule
    this.fault = rule.fault
    const isOfRequests = rule.fault === 'loseRequest' || rule.fault === 'forgeError'
    this.#on = rule.on ?? (isOfRequests ? 'request' : 'response')
    const { request, probability = 1 } = rule
    this.#requests = typeof request === 'string' ? [request] : request
    checkOneOf('on', this.#on, ['connect', 'request', 'response', 'event'])
    checkOneOf(`fault on ${this.#on}`, rule.fault, faultsOn[this.#on])
    if (!(probability >= 0 && probability <= 1)) {
      throw new ConfigError(`probability must be from 0 to 1, not ${String(probability)}`)
    }
    if (rule.fault === 'forgeError') this.error = checkForgedError(rule.error)
    else if (rule.error !== undefined) throw new ConfigError('error belongs to forgeError')
    this.#checkValues()
  }

  #checkValues(): void {
    const { connection = 0, skip = 0, times = 0, when } = this.#rule
    checkInteger('connection', connection, 0, Number.MAX_SAFE_INTEGER)
    checkInteger('skip', skip, 0, Number.MAX_SAFE_INTEGER)
    checkInteger('times', times, 0, Number.MAX_SAFE_INTEGER)
    if (when !== undefined && typeof when !== 'function') {
      throw new ConfigError('when must be a function of a frame')
    }
    if (this.#requests !== undefined && !Array.isArray(this.#requests)) {
      throw new ConfigError('request must be the name of a request, or a list of names')
    }
    const names = [...requestNames.values()]
    for (const name of this.#requests ?? []) checkOneOf('request', name, names)
    const { delayMs = 0 } = this.#rule
    const [min, max, ...others] = Array.isArray(delayMs) ? delayMs : [delayMs, delayMs]
    const areNumbers = typeof min === 'number' && typeof max === 'number' && others.length === 0
    if (!areNumbers || !(min >= 0 && min <= max && max <= timeoutMsMax)) {
      throw new ConfigError(
        `delayMs must be from 0 to ${timeoutMsMax}, or a pair of such numbers of which the first is not larger`,
      )
    }
  }

  /** Whether the fault happens to a frame; counts that. */
  strikes(frame: ProxiedFrame, random: RandomSource): boolean {
    const { connection, when, skip = 0, times = Number.POSITIVE_INFINITY } = this.#rule
    if (frame.on !== this.#on || this.count >= times) return false
    if (connection !== undefined && connection !== frame.connection) return false
    if (this.#requests !== undefined) {
      if (frame.request === undefined || !this.#requests.includes(frame.request)) return false
    }
    if (when?.(frame) === false) return false
    if (this.#matchCount++ < skip) return false
    const { probability = 1 } = this.#rule
    if (probability < 1 && random() >= probability) return false
    this.count++
    return true
  }

  /** How long a frame is delayed, in milliseconds. */
  delayMs(random: RandomSource): number {
    const { delayMs = 50 } = this.#rule
    if (typeof delayMs === 'number') return delayMs
    const [min, max] = delayMs
    return min + random() * (max - min)
  }
}
