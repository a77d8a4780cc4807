import { ConfigError, ConsistencyCode } from '../errors/index.ts'
import {
  defaultRetryPolicy,
  type ExecutionProfile,
  stalledAttemptPolicy,
} from '../policies/index.ts'
import type { ExecuteOptions, StatementOptions } from '../types/index.ts'
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

/** Returns the profile of a request that sets no option itself. */
export function defaultProfile(options: ResolvedOptions): ExecutionProfile {
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
    retry: defaultRetryPolicy,
    speculation: stalledAttemptPolicy,
  })
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
  const { keyspace, nowInSeconds } = options
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
    loadBalancing: base.loadBalancing,
    retry: base.retry,
    speculation: base.speculation,
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
])

function unknownOption(name: string): ConfigError {
  const names = [...optionNames].join(', ')
  return new ConfigError(
    `Unknown request option ${JSON.stringify(name)}.${didYouMean(name, optionNames)} The options are ${names}`,
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
