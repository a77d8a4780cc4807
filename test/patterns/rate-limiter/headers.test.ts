import { expect, test } from 'vitest'
import { type RateLimitDecision, rateLimitHeaders } from '../../../src/patterns.ts'

const decision: RateLimitDecision = {
  ...{ ok: true, limit: 100, windowMs: 60_000, remaining: 50, resetAfterMs: 30_000 },
  ...{ resetAt: new Date(0), retryAfterMs: 0, blocked: false, degraded: false },
}

test('an admitted request has the fields of the IETF draft', () => {
  expect(rateLimitHeaders(decision)).toEqual({
    'RateLimit-Policy': '"default";q=100;w=60',
    RateLimit: '"default";r=50;t=30',
  })
})

test('a refused request has Retry-After too, in whole seconds, at least one', () => {
  const refused = { ...decision, ok: false, remaining: 0, retryAfterMs: 1_001 }
  expect(rateLimitHeaders(refused, 'api "v1"')).toEqual({
    'RateLimit-Policy': '"api \\"v1\\"";q=100;w=60',
    RateLimit: '"api \\"v1\\"";r=0;t=30',
    'Retry-After': '2',
  })
  expect(rateLimitHeaders({ ...refused, retryAfterMs: 0 })).toMatchObject({ 'Retry-After': '1' })
})

test('integers have at most 15 digits, as structured fields do (RFC 9651)', () => {
  const many = Number.MAX_SAFE_INTEGER
  expect(rateLimitHeaders({ ...decision, limit: many, remaining: many })).toEqual({
    'RateLimit-Policy': '"default";q=999999999999999;w=60',
    RateLimit: '"default";r=999999999999999;t=30',
  })
})

test('several rules are several policies', () => {
  const { ok, limit, windowMs, remaining, resetAt, resetAfterMs } = decision
  const rule = { ok, limit, windowMs, remaining, resetAt, resetAfterMs }
  const several = { ...decision, rules: [{ ...rule, limit: 5, windowMs: 1_000 }, rule] }
  expect(rateLimitHeaders(several, 'api')).toEqual({
    'RateLimit-Policy': '"api-1";q=5;w=1, "api-2";q=100;w=60',
    RateLimit: '"api-1";r=50;t=30, "api-2";r=50;t=30',
  })
})

test.each(['', 'naïve', 'a\nb'])('a name that no header can have is refused: %j', (name) => {
  expect(() => rateLimitHeaders(decision, name)).toThrow(/printable ASCII/)
})
