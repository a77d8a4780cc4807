import { ConfigError } from '../../errors/index.ts'
import type { RateLimitDecision } from './decision.ts'

/**
 * The fields of an HTTP response for a decision: `RateLimit-Policy` and `RateLimit` as in the IETF
 * draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-10), and
 * `Retry-After` (RFC 9110, section 10.2.3) when the request is refused. Several rules are several
 * policies, `name-1`, `name-2` and so on.
 *
 * @param name of the policy, printable ASCII. Default `default`
 */
export function rateLimitHeaders(
  decision: RateLimitDecision,
  name = 'default',
): Record<string, string> {
  if (!/^[\x20-\x7e]+$/.test(name)) {
    throw new ConfigError('The name of a policy must be printable ASCII')
  }
  const parts = decision.rules ?? [decision]
  const named = (i: number): string => quoted(parts.length === 1 ? name : `${name}-${i + 1}`)
  const policies = parts.map(
    ({ limit, windowMs }, i) => `${named(i)};q=${clamped(limit)};w=${toSeconds(windowMs)}`,
  )
  const states = parts.map(
    ({ remaining, resetAfterMs }, i) =>
      `${named(i)};r=${clamped(remaining)};t=${toSeconds(resetAfterMs)}`,
  )
  return {
    'RateLimit-Policy': policies.join(', '),
    RateLimit: states.join(', '),
    ...(!decision.ok && { 'Retry-After': String(Math.max(1, toSeconds(decision.retryAfterMs))) }),
  }
}

/** The largest integer of structured fields (RFC 9651, section 3.3.1). */
const integerMax = 999_999_999_999_999

/** A string of structured fields (RFC 9651, section 3.3.3). */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

function clamped(count: number): number {
  return Math.min(count, integerMax)
}

function toSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
