import { createHmac, timingSafeEqual } from 'node:crypto'
import { ConfigError } from '../../errors/index.ts'
import { checkOneOf, checkOptions, type TimeSpan, toMilliseconds } from '../../kernel/index.ts'

export interface SessionCookieOptions {
  /**
   * Secrets of at least 32 characters. The first signs; cookies that any of them signed are read,
   * so a secret is replaced by putting the new one first and removing the old one later.
   */
  readonly secrets: readonly string[]
  /**
   * Default `__Host-session`: browsers accept a name with `__Host-` only from this very host, with
   * `Secure`, `Path=/` and no `Domain`.
   */
  readonly name?: string | undefined
  /** Default `Lax`: the cookie is sent with links from other sites, but not with their forms. */
  readonly sameSite?: 'Strict' | 'Lax' | 'None' | undefined
  /** Whether it is only sent over TLS (and to localhost). Default `true`. */
  readonly secure?: boolean | undefined
  /** Default: only the host that sets it. */
  readonly domain?: string | undefined
  /** Default `/`. */
  readonly path?: string | undefined
  /** How long the browser keeps it. Default: as long as the browser is open. */
  readonly maxAge?: TimeSpan | undefined
}

const secretLengthMin = 32
/** Browsers cut longer lifetimes to 400 days. */
const maxAgeMsMax = 400 * 86_400_000
/** Longer header fields are not parsed. */
const headerLengthMax = 65_536
/** Cookies of the same name that are checked at most: each costs an HMAC per secret. */
const candidateCountMax = 4
const tokenPattern = /^[A-Za-z0-9_-]{1,1024}$/
/** A token of RFC 9110, which the name of a cookie is (RFC 6265, section 4.1.1). */
const namePattern = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/
const domainPattern = /^\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/
const pathPattern = /^\/[\x21-\x3a\x3c-\x7e]*$/

/**
 * Carries tokens in signed cookies. The signature spares the database the lookup of tokens that
 * were never issued. `HttpOnly` is always set: no script of the page needs the token.
 */
export class SessionCookie {
  readonly name: string
  readonly #secrets: readonly string[]
  readonly #attributes: string
  readonly #maxAgeSeconds: number | undefined

  constructor(options: SessionCookieOptions) {
    checkOptions('SessionCookie', options, {
      ...{ secrets: true, name: true, sameSite: true, secure: true },
      ...{ domain: true, path: true, maxAge: true },
    })
    const { name = '__Host-session', sameSite = 'Lax', secure = true, path = '/' } = options
    const { secrets, domain, maxAge } = options
    this.#secrets = checkSecrets(secrets)
    if (typeof name !== 'string' || !namePattern.test(name)) {
      throw new ConfigError('name must be letters, digits and signs that a cookie name may have')
    }
    if (typeof secure !== 'boolean') throw new ConfigError('secure must be a boolean')
    if (typeof path !== 'string' || !pathPattern.test(path)) {
      throw new ConfigError("path must begin with / and have no spaces and no ';'")
    }
    if (domain !== undefined && (typeof domain !== 'string' || !domainPattern.test(domain))) {
      throw new ConfigError('domain must be the name of a host')
    }
    checkOneOf('sameSite', sameSite, ['Strict', 'Lax', 'None'])
    if (!secure && (sameSite === 'None' || /^__(host|secure)-/i.test(name))) {
      throw new ConfigError(
        'Browsers refuse cookies with SameSite=None or with a name that begins with __Host- or __Secure- unless secure is true',
      )
    }
    if (/^__host-/i.test(name) && (domain !== undefined || path !== '/')) {
      throw new ConfigError(
        'Browsers refuse cookies whose name begins with __Host- with a domain or another path than /: choose another name',
      )
    }
    this.name = name
    this.#attributes = `; Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}; HttpOnly${secure ? '; Secure' : ''}; SameSite=${sameSite}`
    this.#maxAgeSeconds =
      maxAge === undefined
        ? undefined
        : Math.floor(toMilliseconds('maxAge', maxAge, 1_000, maxAgeMsMax) / 1_000)
  }

  /** The value of a `Set-Cookie` header field that gives the browser a token. */
  serialize(token: string): string {
    if (typeof token !== 'string' || !tokenPattern.test(token)) {
      throw new ConfigError('token must be one that createSession or rotateSession returned')
    }
    const signature = sign(this.#secrets[0] ?? '', this.name, token).toString('base64url')
    const maxAge = this.#maxAgeSeconds === undefined ? '' : `; Max-Age=${this.#maxAgeSeconds}`
    return `${this.name}=${token}.${signature}${this.#attributes}${maxAge}`
  }

  /** The value of a `Set-Cookie` header field that removes the cookie. */
  clear(): string {
    return `${this.name}=${this.#attributes}; Max-Age=0`
  }

  /**
   * The token of a `Cookie` header field, or `null` when there is none that was signed with one of
   * the secrets. It never throws, whatever the field contains.
   */
  read(header: string | readonly string[] | null | undefined): string | null {
    const values = parseCookies(header).get(this.name) ?? []
    for (const value of values.slice(0, candidateCountMax)) {
      const dot = value.indexOf('.')
      const token = value.slice(0, Math.max(0, dot))
      if (tokenPattern.test(token) && this.#isSigned(token, value.slice(dot + 1))) return token
    }
    return null
  }

  /** Compares with every secret in constant time. */
  #isSigned(token: string, signature: string): boolean {
    let isSigned = false
    for (const secret of this.#secrets) {
      const expected = Buffer.from(sign(secret, this.name, token).toString('base64url'))
      const actual = Buffer.from(signature)
      if (actual.length === expected.length && timingSafeEqual(actual, expected)) isSigned = true
    }
    return isSigned
  }
}

/**
 * The cookies of a `Cookie` header field by name, several of one name in their order. Values are
 * not decoded. Pairs without a name or without `=` are left out, and so are fields of more than
 * 64 KiB.
 */
export function parseCookies(
  header: string | readonly string[] | null | undefined,
): ReadonlyMap<string, readonly string[]> {
  const cookies = new Map<string, string[]>()
  const text = Array.isArray(header) ? header.join(';') : header
  if (typeof text !== 'string' || text.length > headerLengthMax) return cookies
  for (const pair of text.split(';')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, Math.max(0, equals)).trim()
    if (name === '') continue
    const value = pair.slice(equals + 1).trim()
    const unquoted = /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value
    const known = cookies.get(name)
    if (known === undefined) cookies.set(name, [unquoted])
    else known.push(unquoted)
  }
  return cookies
}

function checkSecrets(secrets: readonly string[]): readonly string[] {
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new ConfigError('secrets must be a list with at least one secret')
  }
  const all: readonly unknown[] = secrets
  if (all.some((one) => typeof one !== 'string' || one.length < secretLengthMin)) {
    throw new ConfigError(
      `Each of secrets must be a string of at least ${secretLengthMin} characters from a secure random generator`,
    )
  }
  return [...secrets]
}

/** The name is signed too, so that a value of one cookie is none of another. */
function sign(secret: string, name: string, token: string): Buffer {
  return createHmac('sha256', secret).update(`${name}=${token}`).digest()
}
