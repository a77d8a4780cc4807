import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  type CloudOptions,
  type Session,
  SessionBuilder,
  type SessionOptions,
} from '../../src/index.ts'
import { readSmallFile } from '../../src/cloud/read-file.ts'
import { parseScyllaBundle } from '../../src/cloud/scylla-bundle.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { hostId, type MemberNode, membersOf } from '../support/member-node.ts'
import { openSniProxy, type SniProxy, type SniProxyOptions } from '../support/sni-proxy.ts'
import { makeAuthority, scyllaBundle, type Authority } from './bundles.ts'

const sessions: Session[] = []
const proxies: SniProxy[] = []
const folder = mkdtempSync(join(tmpdir(), 'tsylla-bundle-'))
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
  for (const proxy of proxies.splice(0)) await proxy.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

let authority: Authority
let stranger: Authority
beforeAll(() => {
  const names = ['dc1', 'dc2'].flatMap((dc) => [`DNS:${dc}.cql.test`, `DNS:*.${dc}.cql.test`])
  authority = makeAuthority(...names)
  stranger = makeAuthority(...names)
})

async function connect(
  bundle: CloudOptions['bundle'],
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const session = await new SessionBuilder({ ...options, cloud: { bundle } }).build()
  sessions.push(session)
  return session
}

const failure = async (
  bundle: unknown,
  options: Partial<SessionOptions> = {},
): Promise<Error & { readonly code: string }> => {
  const connecting = connect(bundle as CloudOptions['bundle'], options)
  return (await connecting.then(
    () => new Error('it connected'),
    (error: unknown) => error,
  )) as Error & { readonly code: string }
}

/** A proxy of a data center, with its nodes by name, and one of them for those who name none. */
async function openProxy(
  dataCenter: string,
  members: readonly MemberNode[],
  options: Partial<SniProxyOptions> = {},
): Promise<SniProxy> {
  const nodes = new Map(
    members.map((member) => {
      member.dataCenter = dataCenter
      return [`${hostId(member.number)}.${dataCenter}.cql.test`, member]
    }),
  )
  nodes.set(`${dataCenter}.cql.test`, members[0]!)
  const { identity, ca } = authority
  const proxy = await openSniProxy(nodes, { identity, clientCa: ca, ...options })
  proxies.push(proxy)
  return proxy
}

const isUp = (session: Session): readonly boolean[] =>
  session.getClusterData().nodes.map(({ isAvailable }) => isAvailable)

/** A cluster of two nodes in one data center. */
async function openCluster(options: Partial<SniProxyOptions> = {}): Promise<{
  readonly members: MemberNode[]
  readonly proxy: SniProxy
}> {
  const members = membersOf(2)
  return { members, proxy: await openProxy('dc1', members, options) }
}

describe('a connection bundle of ScyllaDB', () => {
  test('reaches each node by its own name, through the proxy of its data center', async () => {
    const members = membersOf(3)
    const first = await openProxy('dc1', members.slice(0, 2))
    const second = await openProxy('dc2', members.slice(2))
    const passwords = new Set<string>()
    for (const member of members) {
      member.script = (exchange) => {
        const { request } = exchange
        if (request.opcode === Opcode.STARTUP) {
          const authenticator = 'org.apache.cassandra.auth.PasswordAuthenticator'
          exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator })
        } else if (request.opcode === Opcode.AUTH_RESPONSE) {
          passwords.add(Buffer.from(request.token ?? []).toString())
          exchange.reply({ opcode: Opcode.AUTH_SUCCESS, token: null })
        } else return 'default'
        return 'done'
      }
    }
    const session = await connect(scyllaBundle({ dc1: first.port, dc2: second.port }, authority))
    await expect.poll(() => isUp(session)).toEqual([true, true, true])
    expect(new Set(first.asked)).toEqual(
      new Set(['dc1.cql.test', `${hostId(1)}.dc1.cql.test`, `${hostId(2)}.dc1.cql.test`]),
    )
    expect(new Set(second.asked)).toContain(`${hostId(3)}.dc2.cql.test`)
    expect(passwords).toEqual(new Set(['\0scylla\0secret']))
    const { localDataCenter, nodes } = session.getClusterData()
    expect(localDataCenter).toBe('dc1')
    expect(nodes.map(({ address }) => address).toSorted()).toEqual(
      [
        `127.0.0.1:${first.port}/${hostId(1)}`,
        `127.0.0.1:${first.port}/${hostId(2)}`,
        `127.0.0.1:${second.port}/${hostId(3)}`,
      ].toSorted(),
    )
    await session.execute('SELECT v FROM t')
    const queries = members.flatMap(({ received }) => received)
    expect(queries).toMatchObject([{ opcode: Opcode.QUERY, parameters: { consistency: 'QUORUM' } }])
  })

  test('reaches nodes that join later, and keeps those whose address changes', async () => {
    const members = membersOf(3)
    const [one, two, three] = members as [MemberNode, MemberNode, MemberNode]
    const proxy = await openProxy('dc1', members)
    one.peers = [two]
    two.peers = [one]
    const session = await connect(scyllaBundle({ dc1: proxy.port }, authority))
    await expect.poll(() => isUp(session)).toEqual([true, true])
    const connections = two.connections.filter(({ isClosed }) => !isClosed)
    two.network.host = '10.9.9.9'
    one.peers = [two, three]
    for (const node of [one, two]) {
      for (const connection of node.connections) node.announce(connection)
    }
    await expect.poll(() => isUp(session), { timeout: 5_000 }).toEqual([true, true, true])
    expect(proxy.asked).toContain(`${hostId(3)}.dc1.cql.test`)
    expect(connections.length).toBeGreaterThan(0)
    expect(connections.map(({ isClosed }) => isClosed)).toEqual(connections.map(() => false))
  })

  test('connects again to a node that was lost, by its name', async () => {
    const { members, proxy } = await openCluster()
    const session = await connect(scyllaBundle({ dc1: proxy.port }, authority))
    await expect.poll(() => isUp(session)).toEqual([true, true])
    proxy.asked.length = 0
    for (const connection of members[1]!.connections) connection.destroy()
    await expect.poll(() => isUp(session)).toEqual([true, true])
    await expect.poll(() => proxy.asked).toContain(`${hostId(2)}.dc1.cql.test`)
  })

  test('says which data center it lacks when a node is in another one', async () => {
    const members = membersOf(2)
    const proxy = await openProxy('dc1', members)
    members[1]!.dataCenter = 'dc9'
    const session = await connect(scyllaBundle({ dc1: proxy.port }, authority))
    expect(isUp(session).filter(Boolean)).toEqual([true])
    expect(isUp(session)).toHaveLength(2)
    await expect(session.execute('SELECT v FROM t')).resolves.toBeDefined()
  })

  test('refuses certificates of another authority, and those of another name', async () => {
    const strange = await openCluster({ identity: stranger.identity })
    expect(await failure(scyllaBundle({ dc1: strange.proxy.port }, authority))).toMatchObject({
      code: 'TSYLLA_TLS',
    })
    const wrongName = { ...scyllaBundle({ dc1: (await openCluster()).proxy.port }, authority) }
    const { dc1 } = wrongName.datacenters
    const elsewhere = { dc1: { ...dc1!, nodeDomain: 'elsewhere.test' } }
    const error = await failure({ ...wrongName, datacenters: elsewhere })
    expect(error).toMatchObject({ code: 'TSYLLA_TLS' })
    expect(error.message).toContain('elsewhere.test')
  })

  test('refuses one node whose certificate is wrong, and uses the others', async () => {
    const name = `${hostId(2)}.dc1.cql.test`
    const identities = new Map([[name, stranger.identity]])
    const { members, proxy } = await openCluster({ identities })
    const session = await connect(scyllaBundle({ dc1: proxy.port }, authority))
    expect(proxy.asked).toContain(name)
    expect(isUp(session)).toEqual([true, false])
    expect(members[1]!.connections).toEqual([])
  })

  test('accepts any certificate where it says so, and other names where it names them', async () => {
    const { proxy } = await openCluster({ identity: stranger.identity })
    const bundle = scyllaBundle({ dc1: proxy.port }, authority)
    const careless = { dc1: { ...bundle.datacenters['dc1']!, insecureSkipTlsVerify: true } }
    await connect({ ...bundle, datacenters: careless })
    const own = makeAuthority('DNS:cql.example')
    const other = await openCluster({ identity: own.identity, clientCa: own.ca })
    const named = scyllaBundle({ dc1: other.proxy.port }, own)
    expect(await failure(named)).toMatchObject({ code: 'TSYLLA_TLS' })
    const dc1 = { ...named.datacenters['dc1']!, tlsServerName: 'cql.example' }
    const session = await connect({ ...named, datacenters: { dc1 } })
    await expect.poll(() => isUp(session)).toEqual([true, true])
  })

  test('is needed for the certificate of the client', async () => {
    const { proxy } = await openCluster()
    const bundle = scyllaBundle({ dc1: proxy.port }, authority)
    const error = await failure({ ...bundle, authInfos: { default: {} } })
    expect(error.code).toMatch(/^TSYLLA_(TLS|CONNECTION)$/)
  })

  test('gives defaults, which options of the session replace', async () => {
    const { proxy, members } = await openCluster()
    const bundle = scyllaBundle({ dc1: proxy.port }, authority)
    const session = await connect(bundle, { consistency: 'ONE', user: 'ada', password: 'own' })
    await session.execute('SELECT v FROM t')
    expect(members.flatMap(({ received }) => received)).toMatchObject([
      { parameters: { consistency: 'ONE' } },
    ])
  })

  test('is read as JSON and as YAML, from bytes and from a file with paths', async () => {
    const { proxy } = await openCluster()
    const bundle = scyllaBundle({ dc1: proxy.port }, authority)
    const json = JSON.stringify(bundle)
    await connect(Buffer.from(json))
    const yaml = [
      'currentContext: default',
      'datacenters:',
      '  dc1: # the only one',
      `    server: 127.0.0.1:${proxy.port}`,
      '    nodeDomain: dc1.cql.test',
      '    certificateAuthorityPath: ca.pem',
      'authInfos:',
      '  default:',
      '    clientCertificatePath: ./client.pem',
      '    clientKeyData: >-',
      ...authority.identity.key
        .toString('base64')
        .match(/.{1,76}/g)!
        .map((line) => `      ${line}`),
      'contexts:',
      '  default: { datacenterName: dc1, authInfoName: default }',
    ].join('\n')
    const path = join(folder, 'bundle.yaml')
    writeFileSync(path, yaml)
    writeFileSync(join(folder, 'ca.pem'), authority.ca)
    writeFileSync(join(folder, 'client.pem'), authority.identity.cert)
    await connect(path)
    writeFileSync(path, json)
    await connect(path)
  })
})

test('a file that was read keeps no more memory than it has bytes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsylla-pem-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'ca.pem')
  for (const length of [0, 10, 64 * 1024, 200_001]) {
    const content = Buffer.alloc(length, 'x')
    writeFileSync(path, content)
    const read = await readSmallFile(path, 'a test')
    expect(read.equals(content)).toBe(true)
    // Small ones may lie in a pool of Node, of 8 KiB.
    expect(read.buffer.byteLength).toBeLessThanOrEqual(Math.max(length, 64 * 1024))
  }
})

test('a bundle in YAML names the package that it needs, one in JSON needs none', async () => {
  const missing = Object.assign(new Error("Cannot find package 'yaml' imported from x"), {
    code: 'ERR_MODULE_NOT_FOUND',
  })
  const parse = (text: string): Promise<unknown> =>
    parseScyllaBundle(Buffer.from(text), () => Promise.reject(missing))
  await expect(parse('a: 1')).rejects.toMatchObject({
    code: 'TSYLLA_DEPENDENCY_MISSING',
    message: 'A bundle in YAML needs the package yaml: npm i yaml',
  })
  expect(await parse('{"a": 1}')).toEqual({ a: 1 })
})

describe('a wrong bundle', () => {
  const good = (): ReturnType<typeof scyllaBundle> => scyllaBundle({ dc1: 1 }, authority)
  const withDc = (change: object): object => ({
    ...good(),
    datacenters: { dc1: { ...good().datacenters['dc1'], ...change } },
  })
  const withLogin = (change: object): object => ({
    ...good(),
    authInfos: { default: { ...good().authInfos['default'], ...change } },
  })
  const key = (): string => stranger.identity.key.toString('base64')
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => ({}), /currentContext is missing/],
    [() => ({ ...good(), kind: 'Pod' }), /kind is "Pod" instead of "CQLConnectionConfig"/],
    [() => ({ ...good(), contexts: undefined }), /contexts is missing/],
    [() => ({ ...good(), contexts: [] }), /contexts is no object/],
    [() => ({ ...good(), currentContext: 'b' }), /currentContext names "b", .* "default"/],
    [() => ({ ...good(), currentContext: 'constructor' }), /currentContext names "constructor"/],
    [
      () => ({ ...good(), contexts: { default: {} } }),
      /contexts.default.datacenterName is missing/,
    ],
    [
      () => ({
        ...good(),
        contexts: { default: { datacenterName: 'x', authInfoName: 'default' } },
      }),
      /contexts.default.datacenterName names "x", which is not there; there are: "dc1"/,
    ],
    [
      () => ({ ...good(), contexts: { default: { datacenterName: 'dc1', authInfoName: 'x' } } }),
      /contexts.default.authInfoName names "x"/,
    ],
    [() => ({ ...good(), datacenters: { dc1: null } }), /datacenters.dc1 is no object/],
    [() => ({ ...good(), authInfos: 'x' }), /authInfos is no object/],
    [() => withDc({ server: undefined }), /datacenters.dc1.server is missing/],
    [() => withDc({ server: 5 }), /datacenters.dc1.server is no text/],
    [() => withDc({ server: 'a b' }), /datacenters.dc1.server is not host or host:port/],
    [() => withDc({ server: 'a:70000' }), /datacenters.dc1.server is not host or host:port/],
    [() => withDc({ nodeDomain: '' }), /datacenters.dc1.nodeDomain is missing/],
    [() => withDc({ nodeDomain: 'a..b' }), /datacenters.dc1.nodeDomain is no domain name/],
    [() => withDc({ nodeDomain: 'x'.repeat(217) }), /nodeDomain is no domain name/],
    [() => withDc({ insecureSkipTlsVerify: 'no' }), /insecureSkipTlsVerify is neither/],
    [() => withDc({ proxyURL: 'http://x' }), /datacenters.dc1.proxyURL is not supported/],
    [() => withDc({ certificateAuthorityData: '***' }), /certificateAuthorityData is no base64/],
    [() => withDc({ certificateAuthorityData: 'aGVsbG8=' }), /Data is no certificate in PEM/],
    [
      () => withDc({ certificateAuthorityData: '', certificateAuthorityPath: '/nowhere/ca' }),
      /certificateAuthorityPath "\/nowhere\/ca" cannot be opened/,
    ],
    [() => withLogin({ clientCertificateData: 'aGVsbG8=' }), /clientCertificateData is no cert/],
    [() => withLogin({ clientKeyData: 'aGVsbG8=' }), /clientKeyData is no private key/],
    [() => withLogin({ clientKeyData: undefined }), /clientKeyData is missing/],
    [() => withLogin({ clientCertificateData: null }), /clientCertificateData is missing/],
    [() => withLogin({ clientKeyData: key() }), /clientKeyData is not the key of the certificate/],
    [() => withLogin({ username: undefined }), /authInfos.default.username is missing/],
    [() => withLogin({ password: undefined }), /authInfos.default.password is missing/],
    [() => ({ ...good(), parameters: 1 }), /parameters is no object/],
    [() => ({ ...good(), parameters: { defaultConsistency: 'MOST' } }), /Consistency is none of/],
    [
      () => ({ ...good(), parameters: { defaultSerialConsistency: 'ONE' } }),
      /SerialConsistency is/,
    ],
    [() => Buffer.from('{"a": "secret'), /is no JSON$/],
    [() => Buffer.from('{"a": 1}'), /currentContext is missing/],
    [() => Buffer.from('a: [secret'), /neither a zip archive nor valid YAML or JSON/],
    [() => Buffer.from('a: &a [1]\nb: [*a, *a]'), /neither a zip archive nor valid YAML or JSON/],
    [() => Buffer.from('secret'), /The bundle is no object of fields/],
    [() => Buffer.from('\0\x01\x02'), /The bundle/],
    [() => Buffer.alloc(0), /cloud.bundle is empty/],
    [() => Buffer.alloc(5_000_000), /cloud.bundle has more than/],
    [() => '/nowhere/bundle.yaml', /cloud.bundle "\/nowhere\/bundle.yaml" cannot be opened/],
    [() => folder, /is no file/],
    [() => '/dev/zero', /is no file/],
    [() => '', /cloud.bundle must be a path/],
    [() => undefined, /cloud.bundle must be a path/],
    [() => 7, /cloud.bundle must be a path/],
    [() => [], /cloud.bundle must be a path/],
  ]
  test.each(cases)('%# is refused with an error that names the field', async (bundle, message) => {
    const error = await failure(bundle())
    expect(error).toMatchObject({ code: 'TSYLLA_CONFIG' })
    expect(error.message).toMatch(message)
    const shown = inspect(error, { depth: 9, showHidden: true })
    expect(shown).not.toContain('secret')
    expect(shown).not.toContain('PRIVATE KEY')
  })

  test.each([
    [{ contactPoints: ['127.0.0.1'] }, /contact points/],
    [{ tls: true }, /tls/],
    [{ addressTranslator: {} }, /addressTranslator/],
    [{ shardAwarePort: true }, /shardAwarePort/],
    [{ cloud: null }, /cloud must be an object/],
    [{ cloud: 'bundle.zip' }, /cloud must be an object/],
    [{ cloud: { secureConnectBundle: 'x' } }, /unknown field "secureConnectBundle"/],
  ])('and options beside it that contradict it: %j', async (options, message) => {
    const building = new SessionBuilder({
      cloud: { bundle: good() },
      ...(options as Partial<SessionOptions>),
    }).build()
    await expect(building).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    await expect(building).rejects.toThrow(message)
  })
})
