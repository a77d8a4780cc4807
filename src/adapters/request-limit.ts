import { ConfigError, Inet } from '../index.ts'
import {
  type RateLimitDecision,
  type RateLimiter,
  rateLimitHeaders,
  type TakeOptions,
} from '../patterns.ts'

/** A function of a request, which may declare the type that its framework has for requests. */
export type RequestFunction<Request, T> = { of(request: Request): T }['of']

/** What a request is counted under; a request without a key is not limited. */
export type RequestKey<Request> = RequestFunction<
  Request,
  string | undefined | Promise<string | undefined>
>

/** How requests of a web framework are limited. */
export interface RequestLimitOptions<Request> {
  readonly limiter: RateLimiter
  /** Limit, window and cost of a request. Default: the rules of the limiter, cost 1. */
  readonly take?: TakeOptions | RequestFunction<Request, TakeOptions> | undefined
  /** Name of the policy in the fields of the response, printable ASCII. Default `default`. */
  readonly policyName?: string | undefined
}

export interface LimitedRequest {
  readonly decision: RateLimitDecision
  /** `RateLimit-Policy` and `RateLimit`, and `Retry-After` when the request is refused. */
  readonly headers: Readonly<Record<string, string>>
}

/** Takes the units of a request, or returns `undefined` when it has no key. */
export async function limitRequest<Request>(
  { limiter, take, policyName }: RequestLimitOptions<Request>,
  keyOf: RequestKey<Request>,
  request: Request,
): Promise<LimitedRequest | undefined> {
  const key = await keyOf(request)
  if (key === undefined) return undefined
  const decision = await limiter.take(key, typeof take === 'function' ? take(request) : take)
  return { decision, headers: rateLimitHeaders(decision, policyName) }
}

/** What the answer to a refused request says. */
export function refusalText({ retryAfterMs }: RateLimitDecision): string {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000))
  return `Too many requests. Retry in ${seconds} second${seconds === 1 ? '' : 's'}.`
}

/**
 * The key of a client's address: the address itself, and for IPv6 its network of 64 bits, in which
 * a client can choose any address.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined || address === '') {
    throw new ConfigError('The request has no client address: set the option key')
  }
  const [withoutZone = ''] = address.split('%')
  let bytes: Uint8Array
  try {
    bytes = Inet.parse(withoutZone).toBytes()
  } catch {
    return address
  }
  if (bytes.length === 4) return withoutZone
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff
  if (isMapped && bytes[11] === 0xff) return Inet.fromBytes(bytes.slice(12)).address
  return `${Inet.fromBytes(bytes.fill(0, 8)).address}/64`
}
