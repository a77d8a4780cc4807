import type { Secret } from '../errors/index.ts'
import type { AuthenticationContext, Authenticator, AuthProvider } from './authentication.ts'

export interface Credentials {
  readonly user: string
  readonly password: Secret
}

/** DataStax Enterprise asks for the mechanism first, and for the login afterwards. */
const dseAuthenticator = 'com.datastax.bdp.cassandra.auth.DseAuthenticator'

/** Authenticators that take a user and a password, by their class on the server. */
export const plainAuthenticators: readonly string[] = Object.freeze([
  'org.apache.cassandra.auth.PasswordAuthenticator',
  'org.apache.cassandra.auth.MutualTlsWithPasswordFallbackAuthenticator',
  'com.scylladb.auth.SaslauthdAuthenticator',
  'com.scylladb.auth.TransitionalAuthenticator',
  dseAuthenticator,
  'com.amazon.helenus.auth.HelenusAuthenticator',
  'io.aiven.cassandra.auth.AivenAuthenticator',
  'com.instaclustr.cassandra.auth.SharedSecretAuthenticator',
  'com.instaclustr.cassandra.auth.InstaclustrPasswordAuthenticator',
  'com.ericsson.bss.cassandra.ecaudit.auth.AuditAuthenticator',
  'com.ericsson.bss.cassandra.ecaudit.auth.AuditPasswordAuthenticator',
])

/** SASL PLAIN with one user for all nodes. */
export class PlainTextAuthProvider implements AuthProvider {
  readonly authenticators: readonly string[]
  readonly #credentials: Credentials

  /** @param authenticators classes of server authenticators that may be given the password */
  constructor(credentials: Credentials, authenticators: readonly string[]) {
    this.#credentials = credentials
    this.authenticators = authenticators
  }

  newAuthenticator(context: AuthenticationContext): Authenticator {
    return new PlainTextAuthenticator(
      this.#credentials,
      context.authenticator === dseAuthenticator ? 'PLAIN' : undefined,
    )
  }
}

/** RFC 4616: an empty authorization id, user and password, each after a NUL. */
class PlainTextAuthenticator implements Authenticator {
  readonly #token: Buffer
  /** Name of the mechanism, where the server wants to know it first. */
  readonly #mechanism: string | undefined

  constructor({ user, password }: Credentials, mechanism: string | undefined) {
    this.#token = Buffer.from(`\0${user}\0${password.reveal()}`)
    this.#mechanism = mechanism
  }

  initialResponse(): Uint8Array {
    return this.#mechanism === undefined ? this.#token : Buffer.from(this.#mechanism)
  }

  evaluateChallenge(challenge: Uint8Array): Uint8Array {
    const isExpected =
      this.#mechanism !== undefined &&
      Buffer.from(challenge).toString('latin1') === `${this.#mechanism}-START`
    if (!isExpected) throw new Error('a login with a password has no such challenge')
    return this.#token
  }

  close(): void {
    this.#token.fill(0)
  }
}
