// Compiled, never run: the adapters need no types but their own.
export * as bentocache from 'tsylla/adapters/bentocache'
export * as betterAuth from 'tsylla/adapters/better-auth'
export * as express from 'tsylla/adapters/express'
export * as fastify from 'tsylla/adapters/fastify'
export * as hono from 'tsylla/adapters/hono'
export * as keyv from 'tsylla/adapters/keyv'
export * as next from 'tsylla/adapters/next'
export * as rateLimiterFlexible from 'tsylla/adapters/rate-limiter-flexible'
