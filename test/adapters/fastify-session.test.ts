import cookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify, { type FastifyInstance } from 'fastify'
import { beforeAll, expect, test } from 'vitest'
import { FastifySessionStore } from '../../src/adapters/fastify.ts'
import { describeOnServers } from '../support/targets.ts'

declare module 'fastify' {
  interface Session {
    views?: number
  }
}

describeOnServers('@fastify/session', (target) => {
  beforeAll(() => new FastifySessionStore(target.session).createTables())

  async function appOnOwnSession(): Promise<FastifyInstance> {
    const app = Fastify()
    await app.register(cookie)
    await app.register(fastifySession, {
      secret: 'a secret of at least thirty-two characters',
      cookie: { secure: false, maxAge: 3_600_000 },
      store: new FastifySessionStore(await target.open()),
    })
    app.get('/', (request) => {
      request.session.views = (request.session.views ?? 0) + 1
      return request.session.views
    })
    app.get('/logout', (request) => request.session.destroy().then(() => 'bye'))
    return app
  }

  test('an application counts views over two processes, and logs out', async () => {
    const [one, other] = [await appOnOwnSession(), await appOnOwnSession()]
    const start = await one.inject('/')
    const sent = start.cookies[0]!
    const get = async (app: FastifyInstance, url = '/'): Promise<string> =>
      (await app.inject({ url, cookies: { [sent.name]: decodeURIComponent(sent.value) } })).body
    expect(start.body).toBe('1')
    expect([await get(other), await get(one)]).toEqual(['2', '3'])
    expect(await get(other, '/logout')).toBe('bye')
    expect(await get(one)).toBe('1')
    await Promise.all([one.close(), other.close()])
  })
})
