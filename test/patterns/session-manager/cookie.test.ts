import { describe, expect, test } from 'vitest'
import { parseCookies, SessionCookie, type SessionCookieOptions } from '../../../src/patterns.ts'

const [first, second] = ['1'.repeat(32), '2'.repeat(32)]
const token = 'A'.repeat(64)

function pairOf(setCookie: string): string {
  return setCookie.slice(0, setCookie.indexOf(';'))
}

describe('SessionCookie', () => {
  test('has attributes that are safe by default', () => {
    const cookie = new SessionCookie({ secrets: [first] })
    const attributes = '; Path=/; HttpOnly; Secure; SameSite=Lax'
    const set = cookie.serialize(token)
    expect(set).toMatch(/^__Host-session=A{64}\.[\w-]{43}; /)
    expect(set.endsWith(attributes)).toBe(true)
    expect(cookie.clear()).toBe(`__Host-session=${attributes}; Max-Age=0`)
    expect(cookie.read(pairOf(set))).toBe(token)
    const other = { name: 'sid', domain: 'example.org', path: '/app', maxAge: '30d' } as const
    expect(
      new SessionCookie({
        secrets: [first],
        ...other,
        secure: false,
        sameSite: 'Strict',
      }).serialize(token),
    ).toMatch(/; Path=\/app; Domain=example\.org; HttpOnly; SameSite=Strict; Max-Age=2592000$/)
  })

  test('reads only what one of its secrets signed, for this cookie', () => {
    const [old, mixed] = [
      new SessionCookie({ secrets: [first] }),
      new SessionCookie({ secrets: [second, first] }),
    ]
    const signed = pairOf(old.serialize(token))
    expect(mixed.read(signed)).toBe(token)
    expect(mixed.serialize(token)).not.toBe(old.serialize(token))
    expect(old.read(pairOf(mixed.serialize(token)))).toBeNull()
    const renamed = new SessionCookie({ secrets: [first], name: '__Host-other' })
    expect(renamed.read(signed.replace('session', 'other'))).toBeNull()
    for (let i = '__Host-session='.length; i < signed.length; i++) {
      const changed = `${signed.slice(0, i)}${signed[i] === 'B' ? 'C' : 'B'}${signed.slice(i + 1)}`
      expect(old.read(changed), String(i)).toBeNull()
    }
  })

  test('never throws, whatever a header contains', () => {
    const cookie = new SessionCookie({ secrets: [first] })
    const signed = pairOf(cookie.serialize(token))
    for (const header of [
      ...['', ';', '=', ';;=;', '__Host-session', '__Host-session=', '__Host-session=.'],
      ...['__Host-session=..', `__Host-session=${token}`, `__Host-session=${token}.`],
      ...[`__Host-session=%41${signed.slice(16)}`, signed.toUpperCase(), `x${signed}`],
      ...['__proto__=1; constructor=2', '='.repeat(10_000), ';'.repeat(60_000)],
      ...['"'.repeat(60_000), `__Host-session=${'.'.repeat(60_000)}`, '\0\ud800=\udfff'],
      ...[`${signed}; ${'a=b;'.repeat(20_000)}`, null, undefined, 5, {}, [5], []],
    ] as readonly string[]) {
      expect(cookie.read(header)).toBeNull()
    }
    for (const header of [
      signed,
      `a=b; ${signed} ; c`,
      `__Host-session=forged; ${signed}`,
      ['a=b', signed],
      signed.replace(/=(.*)/, '="$1"'),
    ]) {
      expect(cookie.read(header)).toBe(token)
    }
    // Each candidate costs an HMAC: not every one of many is checked.
    expect(cookie.read(`${'__Host-session=x.y;'.repeat(50)}${signed}`)).toBeNull()
  })

  test('refuses options that browsers would not accept, or that are not safe', () => {
    for (const [options, message] of [
      [{}, /secrets/],
      [{ secrets: [] }, /secrets/],
      [{ secrets: ['short'] }, /secrets/],
      [{ secrets: first }, /secrets/],
      [{ secrets: [first, null] }, /secrets/],
      [{ name: 'a b' }, /name/],
      [{ name: '' }, /name/],
      [{ name: 'a=b' }, /name/],
      [{ secure: false }, /secure/],
      [{ name: 'sid', secure: false, sameSite: 'None' }, /secure/],
      [{ name: '__Secure-sid', secure: false }, /secure/],
      [{ domain: 'example.org' }, /__Host-/],
      [{ path: '/app' }, /__Host-/],
      [{ name: 'sid', domain: 'a;b' }, /domain/],
      [{ name: 'sid', path: '/; HttpOnly=no' }, /path/],
      [{ sameSite: 'lax' }, /sameSite/],
      [{ secure: 1 }, /secure/],
      [{ maxAge: 0 }, /maxAge/],
      [{ maxAge: '500d' }, /maxAge/],
      [{ httpOnly: false }, /httpOnly/],
    ] as const) {
      const all =
        'secrets' in options || message.source === 'secrets'
          ? options
          : { secrets: [first], ...options }
      expect(() => new SessionCookie(all as unknown as SessionCookieOptions)).toThrow(message)
    }
    const cookie = new SessionCookie({ secrets: [first] })
    for (const wrong of ['', 'a;b', 'a.b', 'x'.repeat(1_025), null, 5]) {
      expect(() => cookie.serialize(wrong as string)).toThrow(/token/)
    }
  })
})

test('parseCookies keeps the order of cookies that have one name', () => {
  expect(parseCookies('a=1; b="2"; a=3=4; =5; c')).toEqual(
    new Map([
      ['a', ['1', '3=4']],
      ['b', ['2']],
    ]),
  )
})
