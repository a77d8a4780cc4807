import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  fastifyTsylla,
  type FastifyTsylla,
  type FastifyTsyllaOptions,
} from '../../src/adapters/fastify.ts'
import { NoNodeAvailableError, type Session } from '../../src/index.ts'
import { RateLimiter } from '../../src/patterns.ts'
import { FaultyExecutor } from '../patterns/support.ts'
import { describeOnServers } from '../support/targets.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly tsylla: FastifyTsylla
  }
  interface FastifyRequest {
    user: string
  }
  interface FastifyContextConfig {
    rateLimit?: false | { limit: number; per: string }
  }
}

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

async function appWith(options: FastifyTsyllaOptions): Promise<FastifyInstance> {
  const app = Fastify({ trustProxy: true })
  apps.push(app)
  await app.register(fastifyTsylla, options)
  app.get('/', () => 'ok')
  app.get('/free', { config: { rateLimit: false } }, () => 'ok')
  app.get('/login', { config: { rateLimit: { limit: 1, per: '1h' } } }, () => 'ok')
  return app
}

function from(address: string, url = '/'): { url: string; headers: Record<string, string> } {
  return { url, headers: { 'x-forwarded-for': address } }
}

describeOnServers('Fastify', (target) => {
  beforeAll(() => new RateLimiter(target.session).createTables())

  test('requests over the limit are refused with 429, and the fields say why', async () => {
    const rateLimit = { limit: 2, per: '1h', policyName: 'api' } as const
    const app = await appWith({ session: target.session, rateLimit })
    const [first, second, third] = [
      await app.inject(from('192.0.2.1')),
      await app.inject(from('192.0.2.1')),
      await app.inject(from('192.0.2.1')),
    ]
    expect([first.statusCode, second.statusCode, third.statusCode]).toEqual([200, 200, 429])
    expect(first.headers['ratelimit-policy']).toBe('"api";q=2;w=3600')
    expect(first.headers['ratelimit']).toMatch(/^"api";r=1;t=\d+$/)
    expect(first.headers['retry-after']).toBeUndefined()
    expect(third.headers['ratelimit']).toMatch(/^"api";r=0;t=\d+$/)
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0)
    expect(third.json()).toMatchObject({ statusCode: 429, error: 'Too Many Requests' })
    expect((await app.inject(from('192.0.2.2'))).statusCode).toBe(200)
  })

  test('routes opt out, or have limits that count apart', async () => {
    const app = await appWith({ session: target.session, rateLimit: { limit: 2, per: '1h' } })
    const statusOf = async (url: string): Promise<number> =>
      (await app.inject(from('192.0.2.10', url))).statusCode
    for (let i = 0; i < 3; i++) expect(await statusOf('/free')).toBe(200)
    expect([await statusOf('/login'), await statusOf('/login')]).toEqual([200, 429])
    expect([await statusOf('/'), await statusOf('/'), await statusOf('/')]).toEqual([200, 200, 429])
  })

  test('addresses of one IPv6 network share a limit', async () => {
    const app = await appWith({ session: target.session, rateLimit: { limit: 1, per: '1h' } })
    expect((await app.inject(from('2001:db8:1:2::1'))).statusCode).toBe(200)
    expect((await app.inject(from('2001:db8:1:2:ffff::9'))).statusCode).toBe(429)
    expect((await app.inject(from('2001:db8:1:3::1'))).statusCode).toBe(200)
    expect((await app.inject(from('198.51.100.7'))).statusCode).toBe(200)
    expect((await app.inject(from('::ffff:198.51.100.7'))).statusCode).toBe(429)
  })

  test('a limit for users is counted after authentication', async () => {
    const app = Fastify()
    apps.push(app)
    app.decorateRequest('user', '')
    app.addHook('onRequest', async (request) => {
      request.user = request.headers['authorization'] ?? ''
    })
    await app.register(fastifyTsylla, {
      session: target.session,
      rateLimit: {
        ...{ limit: 1, per: '1h', hook: 'preHandler' },
        key: (request: FastifyRequest) => request.user || undefined,
      },
    })
    app.get('/', () => 'ok')
    const statusOf = async (user?: string): Promise<number> =>
      (await app.inject({ url: '/', headers: user === undefined ? {} : { authorization: user } }))
        .statusCode
    expect([await statusOf('ada'), await statusOf('ada'), await statusOf('bob')]).toEqual([
      200, 429, 200,
    ])
    expect([await statusOf(), await statusOf()]).toEqual([200, 200])
  })

  test('the limit holds over all instances, and exactly that many are admitted', async () => {
    const rateLimit = { limit: 15, per: '1h' } as const
    const instances = [
      await appWith({ session: target.session, rateLimit }),
      await appWith({ session: await target.open(), rateLimit }),
    ]
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => instances[i % 2]!.inject(from('192.0.2.40'))),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(15)
  })

  test('a given session stays open, and plugins in the instance see it', async () => {
    const app = await appWith({ session: target.session, rateLimit: { limit: 1 } })
    let seen: FastifyTsylla | undefined
    await app.register(async (child) => {
      seen = child.tsylla
    })
    expect(seen?.session).toBe(target.session)
    expect(seen?.limiter).toBeInstanceOf(RateLimiter)
    await app.close()
    await target.session.execute('SELECT key FROM system.local')
  })
})

describe('the plugin of Fastify', () => {
  test('closes the session that it opened', async () => {
    const app = await appWith({
      connect: { nodes: ['embedded:'], keyspace: 'app', createKeyspace: true },
      rateLimit: { limit: 1, per: '1h', createTables: true },
    })
    expect((await app.inject(from('192.0.2.1'))).statusCode).toBe(200)
    expect((await app.inject(from('192.0.2.1'))).statusCode).toBe(429)
    const { session } = app.tsylla
    await app.close()
    await expect(session.execute('SELECT key FROM system.local')).rejects.toMatchObject({
      code: 'TSYLLA_CLOSED',
    })
  })

  test('closes it too when the application does not become ready', async () => {
    let session: Session | undefined
    const app = Fastify()
    app.register(fastifyTsylla, { connect: { nodes: ['embedded:'] } })
    app.register(async (child) => {
      session = child.tsylla.session
      throw new Error('not ready')
    })
    await expect(app.ready()).rejects.toThrow('not ready')
    await app.close()
    await expect(session!.execute('SELECT key FROM system.local')).rejects.toMatchObject({
      code: 'TSYLLA_CLOSED',
    })
  })

  test('passes errors of the database on, or decides without it', async () => {
    const connect = { nodes: ['embedded:'], keyspace: 'app', createKeyspace: true } as const
    const base = await appWith({ connect, rateLimit: { limit: 5, createTables: true } })
    const failing = new FaultyExecutor(base.tsylla.session)
    for (let i = 0; i < 20; i++) failing.prepareFaults.push(new NoNodeAvailableError(new Map()))
    const session = failing as unknown as Session
    const strict = await appWith({ session, rateLimit: { limit: 5 } })
    expect((await strict.inject(from('192.0.2.1'))).statusCode).toBe(500)
    const lenient = await appWith({ session, rateLimit: { limit: 5, onError: 'allow' } })
    expect((await lenient.inject(from('192.0.2.1'))).statusCode).toBe(200)
  })

  test.each([
    [{}, 'session or connect'],
    [{ session: {} as Session, connect: { nodes: ['embedded:'] } }, 'exclude each other'],
    [{ session: {} as Session, rateLimit: { limit: 3, limits: 3 } }, 'limits'],
  ])('refuses wrong options: %s', async (options, text) => {
    const app = Fastify()
    apps.push(app)
    await expect(app.register(fastifyTsylla, options).ready()).rejects.toThrow(text)
  })
})
