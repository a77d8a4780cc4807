import { ConfigError, ConsistencyCode } from '../errors/index.ts'
import { type ExecutionProfile, targetPolicyOf } from '../policies/index.ts'
import type {
  ExecuteOptions,
  ExecutionProfileOptions,
  RetryPolicy,
  SpeculativeExecutionPolicy,
  StatementOptions,
} from '../types/index.ts'
import { didYouMean } from '../util/index.ts'
import {
  checkConsistency,
  checkKeyspace,
  checkPageSize,
  checkSerialConsistency,
  int32Max,
  integer,
  milliseconds,
  type ResolvedOptions,
} from './options.ts'

/** Returns the profile of a request that sets no option itself. @throws ConfigError */
function defaultProfile(options: ResolvedOptions): ExecutionProfile {
  return Object.freeze({
    consistency: ConsistencyCode[options.consistency],
    serialConsistency: ConsistencyCode[options.serialConsistency],
    pageSize: options.pageSize,
    timeoutMs: options.requestTimeoutMs,
    timestamp: undefined,
    isTraced: false,
    isIdempotent: undefined,
    ...{ customPayload: undefined, keyspace: undefined, nowInSeconds: undefined },
    loadBalancing: options.loadBalancing,
    retry: checkRetryPolicy(options.retryPolicy),
    speculation: checkSpeculation(options.speculativeExecutionPolicy),
  })
}

const defaultName = 'default'

/** The execution profiles of a session by name. They can be replaced while requests run. */
export class ExecutionProfiles {
  /** Of the options of the session: other profiles set what differs from it. */
  readonly #base: ExecutionProfile
  #default: ExecutionProfile
  readonly #named = new Map<string, ExecutionProfile>()

  /** @throws ConfigError */
  constructor(options: ResolvedOptions) {
    this.#base = defaultProfile(options)
    this.#default = this.#base
    for (const [name, own] of Object.entries(options.executionProfiles)) this.set(name, own)
  }

  find(name: string | undefined): ExecutionProfile | undefined {
    return name === undefined || name === defaultName ? this.#default : this.#named.get(name)
  }

  /** @throws ConfigError for a name that no profile has */
  get(name: string | undefined): ExecutionProfile {
    const found = this.find(name)
    if (found !== undefined) return found
    if (typeof name !== 'string') throw new ConfigError('executionProfile must be a text')
    const known = [defaultName, ...this.#named.keys()]
    throw new ConfigError(
      `There is no execution profile ${JSON.stringify(name)}.${didYouMean(name, known)} The profiles are ${known.join(', ')}`,
    )
  }

  /** Replaces a profile: later requests use it. @throws ConfigError */
  set(name: string, options: ExecutionProfileOptions): void {
    if (typeof name !== 'string' || name === '') {
      throw new ConfigError('The name of an execution profile must be a text')
    }
    const profile = Object.freeze(mergeProfile(this.#base, checkProfileOptions(name, options)))
    if (name === defaultName) this.#default = profile
    else this.#named.set(name, profile)
  }
}

/** Options of single requests. */
const requestOptionNames = ['timestamp', 'customPayload', 'nowInSeconds', 'executionProfile']

function checkProfileOptions(
  name: string,
  options: ExecutionProfileOptions,
): ExecutionProfileOptions {
  const isObject = typeof options === 'object' && options !== null
  const wrong = ['signal', 'pagingState', ...requestOptionNames].find(
    (option) => isObject && option in options,
  )
  if (wrong === undefined && isObject) return options
  throw new ConfigError(
    wrong === undefined
      ? `The options of the execution profile ${name} must be an object`
      : `The execution profile ${name} cannot have the option ${wrong}, which belongs to single requests`,
  )
}

/** Returns `base` with what `options` set. @throws ConfigError */
export function mergeProfile(
  base: ExecutionProfile,
  options: StatementOptions | ExecuteOptions,
): ExecutionProfile {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(
      `The options of a request must be an object, but ${typeof options} was given. Several values are one argument: execute(text, [value, value])`,
    )
  }
  for (const name in options) if (!optionNames.has(name)) throw unknownOption(name)
  const { consistency, serialConsistency, pageSize, timeout, timestamp, customPayload } = options
  const { keyspace, nowInSeconds, retryPolicy, speculativeExecutionPolicy } = options
  const { loadBalancingPolicy } = options
  if ('signal' in options && !isSignal(options.signal)) {
    throw new ConfigError('signal must be an AbortSignal')
  }
  if (timestamp !== undefined && !isInt64(timestamp)) {
    throw new ConfigError('timestamp must be a bigint of microseconds within 64 bits')
  }
  return {
    consistency:
      consistency === undefined ? base.consistency : ConsistencyCode[checkConsistency(consistency)],
    serialConsistency:
      serialConsistency === undefined
        ? base.serialConsistency
        : ConsistencyCode[checkSerialConsistency(serialConsistency)],
    pageSize: pageSize === undefined ? base.pageSize : checkPageSize(pageSize),
    timeoutMs: timeout === undefined ? base.timeoutMs : milliseconds('timeout', timeout),
    timestamp: timestamp ?? base.timestamp,
    isTraced: checkFlag('tracing', options.tracing) ?? base.isTraced,
    isIdempotent: checkFlag('idempotent', options.idempotent) ?? base.isIdempotent,
    customPayload: customPayload === undefined ? base.customPayload : checkPayload(customPayload),
    keyspace: keyspace === undefined ? base.keyspace : checkKeyspace(keyspace, true),
    nowInSeconds:
      nowInSeconds === undefined
        ? base.nowInSeconds
        : integer('nowInSeconds', nowInSeconds, 0, int32Max),
    loadBalancing:
      loadBalancingPolicy === undefined ? base.loadBalancing : targetPolicyOf(loadBalancingPolicy),
    retry: retryPolicy === undefined ? base.retry : checkRetryPolicy(retryPolicy),
    speculation:
      speculativeExecutionPolicy === undefined
        ? base.speculation
        : checkSpeculation(speculativeExecutionPolicy),
  }
}

const optionNames: ReadonlySet<string> = new Set<keyof ExecuteOptions>([
  'consistency',
  'serialConsistency',
  'pageSize',
  'pagingState',
  'timestamp',
  'timeout',
  'tracing',
  'idempotent',
  'signal',
  'customPayload',
  'keyspace',
  'nowInSeconds',
  'loadBalancingPolicy',
  'retryPolicy',
  'speculativeExecutionPolicy',
  'executionProfile',
])

function unknownOption(name: string): ConfigError {
  const names = [...optionNames].join(', ')
  return new ConfigError(
    `Unknown request option ${JSON.stringify(name)}.${didYouMean(name, optionNames)} The options are ${names}`,
  )
}

export function checkRetryPolicy(policy: RetryPolicy): RetryPolicy {
  if (typeof policy === 'object' && typeof policy?.decide === 'function') return policy
  throw new ConfigError('retryPolicy must be an object with the method decide')
}

export function checkSpeculation(policy: SpeculativeExecutionPolicy): SpeculativeExecutionPolicy {
  if (typeof policy === 'object' && typeof policy?.delayMs === 'function') return policy
  throw new ConfigError(
    'speculativeExecutionPolicy must be an object with the method delayMs, for example constantSpeculativeExecution({ delayMs: 50 })',
  )
}

function checkFlag(name: string, value: boolean | undefined): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new ConfigError(`${name} must be true or false`)
}

/** By what is used of it: a signal of another realm is one too. */
function isSignal(value: unknown): boolean {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  const isListenable = 'addEventListener' in value && typeof value.addEventListener === 'function'
  return isListenable && 'aborted' in value && 'reason' in value
}

function checkPayload(payload: { readonly [key: string]: Uint8Array }): Map<string, Uint8Array> {
  const isObject = typeof payload === 'object' && payload !== null
  if (!isObject || Object.values(payload).some((value) => !(value instanceof Uint8Array))) {
    throw new ConfigError('customPayload must be an object of Uint8Array by key')
  }
  return new Map(Object.entries(payload))
}

function isInt64(value: unknown): boolean {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
}
