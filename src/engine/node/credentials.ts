import { createHash, timingSafeEqual } from 'node:crypto'
import { type Secret, ServerError, ServerErrorCode } from '../../errors/index.ts'

/** The user that clients must log in as. */
export interface NodeCredentials {
  readonly user: string
  readonly password: Secret
}

/** Authenticator class for which drivers use SASL PLAIN. */
export const authenticatorName = 'org.apache.cassandra.auth.PasswordAuthenticator'

function badCredentials(message: string): ServerError {
  return new ServerError(ServerErrorCode.BAD_CREDENTIALS, message)
}

/**
 * Checks a SASL PLAIN token: authorization id, user and password, each after a NUL but the first
 * (RFC 4616; PasswordAuthenticator.PlainTextSaslAuthenticator).
 * @throws ServerError
 */
export function checkPlainToken(token: Uint8Array | null, credentials: NodeCredentials): void {
  const parts = Buffer.from(token ?? [])
    .toString('utf8')
    .split('\0')
  if (parts.length !== 3 || parts[1] === '' || parts[2] === '') {
    throw badCredentials(
      'Credential format error: username or password is empty or contains NUL(\\0) character',
    )
  }
  const [, user, password] = parts as [string, string, string]
  const isUser = isSame(user, credentials.user)
  const isPassword = isSame(password, credentials.password.reveal())
  if (!isUser || !isPassword) {
    throw badCredentials(`Provided username ${user} and/or password are incorrect`)
  }
}

/** Compares in a time that does not depend on the texts. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
