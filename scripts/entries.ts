/** Entry points for other packages: files under `src`, without their extension. */
export const adapterEntries: readonly string[] = [
  'bentocache',
  'better-auth',
  'express',
  'fastify',
  'hono',
  'keyv',
  'next',
  'otel',
  'prometheus',
  'rate-limiter-flexible',
].map((name) => `adapters/${name}`)

/** Entry points whose exports `docs/api` lists. */
export const publicEntries: readonly string[] = [
  'index',
  'patterns',
  'embedded',
  'testing',
  ...adapterEntries,
]
