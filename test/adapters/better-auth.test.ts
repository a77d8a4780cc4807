import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { beforeAll, expect, test } from 'vitest'
import { betterAuthStorage } from '../../src/adapters/better-auth.ts'
import { ManualClock } from '../../src/testing.ts'
import { describeOnServers } from '../support/targets.ts'

describeOnServers('Better Auth', (target) => {
  beforeAll(() => betterAuthStorage(target.session).createTables())

  test('values are stored for their TTL', async () => {
    const clock = new ManualClock(Date.now())
    // Caches of one session share their write timestamps: a clock ahead needs one of its own.
    const storage = betterAuthStorage(await target.open(), { cache: { clock } })
    await storage.set('session', 'data', 60)
    expect(await storage.get('session')).toBe('data')
    clock.advance(59_999)
    expect(await storage.get('session')).toBe('data')
    clock.advance(1)
    expect(await storage.get('session')).toBeNull()
    await storage.set('forever', 'data')
    await storage.delete('forever')
    expect(await storage.get('forever')).toBeNull()
  })

  test('exactly one of many callers gets and deletes a value', async () => {
    const storages = [target.session, await target.open(), await target.open()].map((session) =>
      betterAuthStorage(session),
    )
    for (let round = 0; round < 5; round++) {
      await storages[0]!.set('code', `code ${round}`, 600)
      const got = await Promise.all(
        Array.from({ length: 9 }, (_, i) => storages[i % 3]!.getAndDelete('code')),
      )
      expect(got.filter((value) => value !== null)).toEqual([`code ${round}`])
      expect(await storages[1]!.get('code')).toBeNull()
      expect(await storages[2]!.getAndDelete('code')).toBeNull()
    }
  })

  test('increments count every call once', async () => {
    const storages = [target.session, await target.open()].map((session) =>
      betterAuthStorage(session),
    )
    const counts = await Promise.all(
      Array.from({ length: 20 }, (_, i) => storages[i % 2]!.increment('counted', 86_400)),
    )
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })

  test('sessions of users are found, and are gone after they sign out', async () => {
    const auth = betterAuth({
      baseURL: 'http://localhost',
      secret: 'a secret of thirty-two characters',
      database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
      secondaryStorage: betterAuthStorage(target.session),
      emailAndPassword: { enabled: true },
    })
    const { headers } = await auth.api.signUpEmail({
      body: { name: 'Ada', email: 'ada@example.org', password: 'open sesame' },
      returnHeaders: true,
    })
    const cookie = headers
      .getSetCookie()
      .map((text) => text.split(';')[0])
      .join('; ')
    const request = { headers: new Headers({ cookie }) }
    expect((await auth.api.getSession(request))?.user.email).toBe('ada@example.org')
    await auth.api.signOut(request)
    expect(await auth.api.getSession(request)).toBeNull()
  })

  test('its rate limit counts in the storage', async () => {
    const auth = betterAuth({
      baseURL: 'http://localhost',
      secret: 'a secret of thirty-two characters',
      database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
      secondaryStorage: betterAuthStorage(target.session),
      emailAndPassword: { enabled: true },
      rateLimit: { enabled: true, storage: 'secondary-storage', window: 3_600, max: 2 },
      advanced: { ipAddress: { ipAddressHeaders: ['x-address'] } },
    })
    const get = async (): Promise<number> => {
      const url = 'http://localhost/api/auth/get-session'
      return (await auth.handler(new Request(url, { headers: { 'x-address': '192.0.2.9' } })))
        .status
    }
    expect([await get(), await get(), await get()]).toEqual([200, 200, 429])
  })
})
