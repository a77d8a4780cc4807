import { createHash, createHmac } from 'node:crypto'
import { ConfigError, Secret } from '../errors/index.ts'
import type { Authenticator, AuthProvider } from '../transport/index.ts'
import { type Clock, systemClock } from '../util/index.ts'

/** Keys of AWS, as its SDK returns them. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string | Secret
  /** Set for temporary credentials. */
  readonly sessionToken?: string | Secret | undefined
}

export interface SigV4Options {
  /** Region of the cluster, such as `eu-central-1`. */
  readonly region: string
  /**
   * Keys, or a function that returns those that are valid now, which is called for each
   * connection: `fromNodeProviderChain()` of the SDK, for instance.
   */
  readonly credentials: AwsCredentials | (() => AwsCredentials | Promise<AwsCredentials>)
  /** @internal For tests: the time of signatures. */
  readonly clock?: Clock
}

/** Class that Amazon Keyspaces asks for. */
const keyspacesAuthenticator = 'com.amazon.helenus.auth.HelenusAuthenticator'
const algorithm = 'AWS4-HMAC-SHA256'
const service = 'cassandra'
/** Seconds that a signature is valid for. */
const signatureLifeS = 900

/**
 * Logs in to Amazon Keyspaces with keys of AWS, by Signature Version 4. The secret key signs a
 * nonce of the server and is not sent.
 *
 * @throws ConfigError
 */
export function sigV4AuthProvider(options: SigV4Options): AuthProvider {
  const { region, credentials, clock = systemClock } = options
  checkRegion(region)
  if (typeof credentials !== 'function') checkCredentials(credentials)
  return {
    authenticators: [keyspacesAuthenticator],
    newAuthenticator: (): Authenticator => ({
      initialResponse: () => Buffer.from('SigV4\0\0'),
      async evaluateChallenge(challenge) {
        const nonce = /nonce=([^,]+)/.exec(Buffer.from(challenge).toString('latin1'))?.[1]
        if (nonce === undefined) throw new Error('the challenge of the server has no nonce')
        const current = typeof credentials === 'function' ? await credentials() : credentials
        checkCredentials(current)
        const { accessKeyId, secretAccessKey, sessionToken } = current
        const time = new Date(clock.nowMs()).toISOString()
        const scope = [time.slice(0, 10).replaceAll('-', ''), region, service, 'aws4_request']
        const signature = sign(textOf(secretAccessKey), scope, accessKeyId, time, nonce)
        const token = sessionToken === undefined ? '' : `,session_token=${textOf(sessionToken)}`
        return Buffer.from(
          `signature=${signature},access_key=${accessKeyId},amzdate=${time}${token}`,
        )
      },
    }),
  }
}

/**
 * Signs the request that the login stands for: `PUT /authenticate` of the host `cassandra` with the
 * nonce as its body.
 *
 * @param scope day, region, service and terminator; each of them derives a key
 */
function sign(
  secretKey: string,
  scope: readonly string[],
  accessKeyId: string,
  time: string,
  nonce: string,
): string {
  const parameters = [
    ['X-Amz-Algorithm', algorithm],
    ['X-Amz-Credential', [accessKeyId, ...scope].join('/')],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', `${signatureLifeS}`],
  ]
  const query = parameters.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join('&')
  const lines = ['PUT', '/authenticate', query, `host:${service}`, '', 'host']
  const request = [...lines, sha256(Buffer.from(nonce, 'latin1'))].join('\n')
  const text = [algorithm, time, scope.join('/'), sha256(request)].join('\n')
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretKey}`)
  return hmac(key, text).toString('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function textOf(secret: string | Secret): string {
  return secret instanceof Secret ? secret.reveal() : secret
}

/** @throws ConfigError unless it has the form of a name of a region */
export function checkRegion(region: string): void {
  if (typeof region === 'string' && /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/.test(region)) return
  throw new ConfigError(
    `region must be the name of a region, such as "eu-central-1", not ${typeof region === 'string' ? JSON.stringify(region) : typeof region}`,
  )
}

/** Fields of an answer are separated by commas. */
const keyId = /^[^\s,=]+$/
const keyText = /^[^\s,]+$/

function checkCredentials(credentials: AwsCredentials): void {
  const check = (name: keyof AwsCredentials, pattern: RegExp): void => {
    const value: unknown = credentials?.[name]
    const text = value instanceof Secret ? value.reveal() : value
    if (typeof text === 'string' && pattern.test(text)) return
    throw new ConfigError(
      `credentials.${name} must be a text without spaces and commas, as AWS issues it`,
    )
  }
  check('accessKeyId', keyId)
  check('secretAccessKey', keyText)
  if (credentials.sessionToken !== undefined) check('sessionToken', keyText)
}
