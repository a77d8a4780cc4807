import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  awsKeyspaces,
  Secret,
  Session,
  SessionBuilder,
  sigV4AuthProvider,
  type SigV4Options,
} from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const authenticator = 'com.amazon.helenus.auth.HelenusAuthenticator'
const keys = { accessKeyId: 'UserID-1', secretAccessKey: 'UserSecretKey-1' }
const at = (time: string): VirtualClock => new VirtualClock(Date.parse(time))

/** A node that asks as Amazon Keyspaces does. */
function keyspacesNode(nonce: string): { readonly node: ScriptedNode; readonly tokens: string[] } {
  const node = new ScriptedNode(new VirtualClock())
  const tokens: string[] = []
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode === Opcode.STARTUP) {
      exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator })
    } else if (request.opcode === Opcode.AUTH_RESPONSE) {
      const token = Buffer.from(request.token ?? []).toString('latin1')
      tokens.push(token)
      exchange.reply(
        token === 'SigV4\0\0'
          ? { opcode: Opcode.AUTH_CHALLENGE, token: Buffer.from(nonce) }
          : { opcode: Opcode.AUTH_SUCCESS, token: null },
      )
    } else return 'default'
    return 'done'
  }
  return { node, tokens }
}

async function tokensOf(options: SigV4Options, nonce: string): Promise<ReadonlySet<string>> {
  const { node, tokens } = keyspacesNode(nonce)
  const session = await new SessionBuilder({ authProvider: sigV4AuthProvider(options) })
    .knownNode(node.contactPoint)
    .build()
  await session.close()
  return new Set(tokens)
}

describe('a login by Signature Version 4', () => {
  // The answers are what cassandra-sigv4 4.0.2, the plugin of AWS for Python, gives for them.
  test.each([
    {
      credentials: keys,
      region: 'us-west-2',
      time: '2020-06-09T22:41:51.000Z',
      nonce: '91703fdc2ef562e19fbdab0f58e42fe5',
      answer:
        'signature=7f3691c18a81b8ce7457699effbfae5b09b4e0714ab38c1292dbdf082c9ddd87,access_key=UserID-1,amzdate=2020-06-09T22:41:51.000Z',
    },
    {
      credentials: {
        accessKeyId: 'ASIAIOSFODNN7EXAMPLE',
        secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
        sessionToken: 'FwoGZXIvYXdzEXAMPLE+/=tok',
      },
      region: 'eu-central-1',
      time: '2026-11-27T23:59:59.007Z',
      nonce: '0123456789abcdef0123456789abcdef',
      answer:
        'signature=73a67a0aba560330787f244f52032e7c0d2c216758c4d63249a5d2955f51f289,access_key=ASIAIOSFODNN7EXAMPLE,amzdate=2026-11-27T23:59:59.007Z,session_token=FwoGZXIvYXdzEXAMPLE+/=tok',
    },
  ])('signs what the plugin of AWS signs: $region', async (example) => {
    const { credentials, region, time, nonce, answer } = example
    for (const given of [credentials, () => credentials, async () => credentials]) {
      const options = { region, credentials: given, clock: at(time) }
      for (const challenge of [`nonce=${nonce}`, `a=b,nonce=${nonce},c=d`]) {
        expect(await tokensOf(options, challenge)).toEqual(new Set(['SigV4\0\0', answer]))
      }
    }
  })

  test('asks for keys at each connection', async () => {
    let count = 0
    const credentials = (): typeof keys => ({ ...keys, accessKeyId: `Key${++count}` })
    const tokens = await tokensOf({ region: 'us-west-2', credentials }, 'nonce=abc')
    expect(count).toBeGreaterThan(1)
    expect([...tokens].join()).toContain(`access_key=Key${count},`)
  })

  test.each([
    ['has no nonce', 'hello', () => keys],
    ['has an empty nonce', 'nonce=,', () => keys],
    ['is answered with keys that fail', 'nonce=a', () => Promise.reject(new Error('no keys'))],
    ['is answered with no keys', 'nonce=a', () => undefined as never],
    ['is answered with half of the keys', 'nonce=a', () => ({ accessKeyId: 'a' }) as never],
    [
      'is answered with keys that would add a field',
      'nonce=a',
      () => ({ ...keys, accessKeyId: 'a,session_token=b' }),
    ],
  ])('a challenge that %s fails the connection', async (_, nonce, credentials) => {
    const { node, tokens } = keyspacesNode(nonce)
    const authProvider = sigV4AuthProvider({ region: 'us-west-2', credentials })
    const building = new SessionBuilder({ authProvider }).knownNode(node.contactPoint).build()
    const error = await building.catch((one: Error) => one)
    expect(error).toMatchObject({ code: 'TSYLLA_AUTHENTICATION', outcome: 'not_applied' })
    expect(tokens).toEqual(['SigV4\0\0'])
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('UserSecretKey')
  })

  test('is not begun with another server', async () => {
    const { node, tokens } = keyspacesNode('nonce=a')
    const script = node.script
    node.script = (exchange) => {
      if (exchange.request.opcode !== Opcode.STARTUP) return script(exchange)
      const other = 'org.apache.cassandra.auth.PasswordAuthenticator'
      exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator: other })
      return 'done'
    }
    const authProvider = sigV4AuthProvider({ region: 'us-west-2', credentials: keys })
    const building = new SessionBuilder({ authProvider }).knownNode(node.contactPoint).build()
    await expect(building).rejects.toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    expect(tokens).toEqual([])
  })

  test.each([
    [{ region: '', credentials: keys }, /region must be the name/],
    [{ region: 'eu_central', credentials: keys }, /region must be the name/],
    [{ region: 'eu-central-1.evil.example', credentials: keys }, /region must be the name/],
    [{ credentials: keys }, /region must be the name of a region.* not undefined/],
    [{ region: 'eu-central-1', credentials: {} }, /credentials.accessKeyId must be a text/],
    [{ region: 'eu-central-1' }, /credentials.accessKeyId must be a text/],
    [{ region: 'eu-central-1', credentials: { ...keys, secretAccessKey: '' } }, /secretAccessKey/],
    [{ region: 'eu-central-1', credentials: { ...keys, sessionToken: 'a b' } }, /sessionToken/],
  ])('%j is refused', (options, message) => {
    expect(() => sigV4AuthProvider(options as SigV4Options)).toThrow(message)
  })
})

describe('Amazon Keyspaces', () => {
  test('has an endpoint per region, whose name the certificate carries', () => {
    const { authProvider, consistencyRules, ...rest } = awsKeyspaces({
      region: 'eu-central-1',
      credentials: keys,
    })
    expect(authProvider?.authenticators).toEqual([authenticator])
    expect(consistencyRules.service).toBe('Amazon Keyspaces')
    expect(rest).toEqual({
      contactPoints: ['cassandra.eu-central-1.amazonaws.com:9142'],
      tls: { servername: 'cassandra.eu-central-1.amazonaws.com' },
      localDataCenter: 'eu-central-1',
      consistency: 'LOCAL_QUORUM',
    })
    expect(awsKeyspaces({ region: 'cn-north-1' })).toMatchObject({
      contactPoints: ['cassandra.cn-north-1.amazonaws.com.cn:9142'],
    })
    expect(awsKeyspaces({ region: 'us-gov-east-1' })).toMatchObject({
      contactPoints: ['cassandra.us-gov-east-1.amazonaws.com:9142'],
    })
    expect(awsKeyspaces({ region: 'us-east-1', host: 'vpce-1.example', ca: 'pem' })).toEqual({
      consistencyRules,
      contactPoints: ['vpce-1.example:9142'],
      tls: { servername: 'vpce-1.example', ca: 'pem' },
      localDataCenter: 'us-east-1',
      consistency: 'LOCAL_QUORUM',
    })
  })

  test.each([
    [{ region: 'nowhere' }, /region must be/],
    [{ region: 'us-east-1', host: 'a:1' }, /host must be the name of a host/],
    [{ region: 'us-east-1', credentials: { accessKeyId: 'a' } }, /secretAccessKey must be/],
  ])('%j is refused', (options, message) => {
    expect(() => awsKeyspaces(options as never)).toThrow(message)
  })

  test('is connected to with its options alone, or with a password beside them', async () => {
    const unreachable = { ...awsKeyspaces({ region: 'us-east-1' }), connectionTimeoutMs: 1_000 }
    const options = { ...unreachable, contactPoints: ['127.0.0.1:1'], user: 'u', password: 'p' }
    await expect(new SessionBuilder(options).build()).rejects.toMatchObject({
      code: 'TSYLLA_CONNECTION',
    })
    await expect(Session.connect([], options)).rejects.toThrow('127.0.0.1:1')
  })
})
