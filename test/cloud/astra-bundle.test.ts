import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type AuthenticationContext,
  type Session,
  SessionBuilder,
  type SessionOptions,
} from '../../src/index.ts'
import { Opcode } from '../../src/protocol/index.ts'
import { hostId, type MemberNode, membersOf } from '../support/member-node.ts'
import { openSniProxy, type SniProxy, type SniProxyOptions } from '../support/sni-proxy.ts'
import { makeZip } from '../support/zip.ts'
import { astraBundle, astraParts, type Authority, makeAuthority } from './bundles.ts'

const sessions: Session[] = []
const proxies: SniProxy[] = []
const servers: (Server | TcpServer)[] = []
const folder = mkdtempSync(join(tmpdir(), 'tsylla-bundle-'))
afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
  for (const proxy of proxies.splice(0)) await proxy.close()
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

let authority: Authority
let stranger: Authority
beforeAll(() => {
  authority = makeAuthority('IP:127.0.0.1')
  stranger = makeAuthority('IP:127.0.0.1')
})

async function connect(
  bundle: string | Uint8Array,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  const session = await new SessionBuilder(options).cloud({ bundle }).build()
  sessions.push(session)
  return session
}

const failure = async (
  bundle: Uint8Array,
  options: Partial<SessionOptions> = {},
): Promise<Error & { readonly code: string }> =>
  (await connect(bundle, options).then(
    () => new Error('it connected'),
    (error: unknown) => error,
  )) as Error & { readonly code: string }

/** A metadata service that wants the certificate of the client. */
async function serveMetadata(
  answer: RequestListener,
  { identity, ca }: Authority = authority,
): Promise<number> {
  const server = createServer(
    { ...identity, ca, requestCert: true, rejectUnauthorized: true },
    answer,
  )
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const contactInfo = (port: number, members: readonly MemberNode[]): object => ({
  version: 1,
  region: 'local',
  contact_info: {
    type: 'sni_proxy',
    local_dc: 'dc1',
    sni_proxy_address: `127.0.0.1:${port}`,
    contact_points: members.map(({ number }) => hostId(number)),
  },
})

interface AstraCluster {
  readonly members: readonly MemberNode[]
  readonly proxy: SniProxy
  readonly port: number
  readonly requests: readonly { readonly url: string | undefined; readonly isAuthorized: boolean }[]
}

/** @param contactCount how many nodes the metadata service names */
async function openCluster(
  options: Partial<SniProxyOptions> = {},
  contactCount = 2,
): Promise<AstraCluster> {
  const members = membersOf(3)
  const nodes = new Map(members.map((member) => [hostId(member.number), member]))
  const { identity, ca } = authority
  const proxy = await openSniProxy(nodes, { identity, clientCa: ca, ...options })
  proxies.push(proxy)
  const requests: { url: string | undefined; isAuthorized: boolean }[] = []
  const port = await serveMetadata((request: IncomingMessage, response) => {
    const isAuthorized = (request.socket as TLSSocket).authorized
    requests.push({ url: request.url, isAuthorized })
    response.end(JSON.stringify(contactInfo(proxy.port, members.slice(0, contactCount))))
  })
  return { members, proxy, port, requests }
}

const isUp = (session: Session): readonly boolean[] =>
  session.getClusterData().nodes.map(({ isAvailable }) => isAvailable)

describe('a secure connect bundle', () => {
  test('reaches each node by its host id, through the proxy of the metadata service', async () => {
    const { port, proxy, requests, members } = await openCluster()
    const session = await connect(astraBundle(port, authority))
    await expect.poll(() => isUp(session)).toEqual([true, true, true])
    expect(requests).toEqual([{ url: '/metadata', isAuthorized: true }])
    expect(new Set(proxy.asked)).toEqual(new Set([hostId(1), hostId(2), hostId(3)]))
    const { localDataCenter, nodes } = session.getClusterData()
    expect(localDataCenter).toBe('dc1')
    expect(new Set(nodes.map(({ address }) => address))).toEqual(
      new Set(members.map(({ number }) => `127.0.0.1:${proxy.port}/${hostId(number)}`)),
    )
    // Each node has its own connections, whichever answered first.
    for (const member of members) expect(member.connections.length).toBeGreaterThan(0)
    const { coordinator } = await session.execute('SELECT v FROM t')
    expect(coordinator).toMatch(`127.0.0.1:${proxy.port}/`)
  })

  test('is read from a file', async () => {
    const { port } = await openCluster()
    const path = join(folder, 'bundle.zip')
    writeFileSync(path, astraBundle(port, authority))
    await connect(path)
  })

  test('reaches a node that joins later', async () => {
    const { port, proxy, members } = await openCluster({}, 1)
    const [one, two, three] = members as [MemberNode, MemberNode, MemberNode]
    one.peers = [two]
    two.peers = [one]
    const session = await connect(astraBundle(port, authority))
    await expect.poll(() => isUp(session)).toEqual([true, true])
    expect(proxy.asked).not.toContain(hostId(3))
    one.peers = [two, three]
    for (const connection of one.connections) one.announce(connection)
    await expect.poll(() => isUp(session), { timeout: 5_000 }).toEqual([true, true, true])
    expect(proxy.asked).toContain(hostId(3))
  })

  test('refuses proxies whose certificate is of another authority, or of another name', async () => {
    const strange = await openCluster({ identity: stranger.identity })
    const error = await failure(astraBundle(strange.port, authority))
    expect(error).toMatchObject({ code: 'TSYLLA_TLS' })
    const localhost = await openCluster()
    const members = localhost.members.slice(0, 1)
    const info = contactInfo(localhost.proxy.port, members)
    const port = await serveMetadata((_, response) => {
      // The certificate carries the address alone.
      response.end(JSON.stringify(info).replace('127.0.0.1:', 'localhost:'))
    })
    const named = await failure(astraBundle(port, authority), { lookup: () => ['127.0.0.1'] })
    expect(named).toMatchObject({ code: 'TSYLLA_TLS' })
    expect(named.message).toContain('localhost')
    expect(localhost.members.flatMap(({ connections }) => connections)).toEqual([])
  })
})

describe('a node behind a proxy', () => {
  test('is named to authenticators by its host id, on connections that are encrypted', async () => {
    const { port, members } = await openCluster()
    for (const member of members) {
      member.script = (exchange) => {
        const { opcode } = exchange.request
        if (opcode === Opcode.STARTUP) {
          exchange.reply({ opcode: Opcode.AUTHENTICATE, authenticator: 'com.example.Own' })
        } else if (opcode === Opcode.AUTH_RESPONSE) {
          exchange.reply({ opcode: Opcode.AUTH_SUCCESS, token: null })
        } else return 'default'
        return 'done'
      }
    }
    const contexts: AuthenticationContext[] = []
    const session = await connect(astraBundle(port, authority), {
      authProvider: {
        authenticators: ['com.example.Own'],
        newAuthenticator(context) {
          contexts.push(context)
          return { initialResponse: () => new Uint8Array(1), evaluateChallenge: (bytes) => bytes }
        },
      },
    })
    await expect.poll(() => isUp(session)).toEqual([true, true, true])
    expect(new Set(contexts.map((context) => context.hostId))).toEqual(
      new Set([hostId(1), hostId(2), hostId(3)]),
    )
    expect(new Set(contexts.map(({ isEncrypted }) => isEncrypted))).toEqual(new Set([true]))
  })
})

describe('a metadata service', () => {
  const contact = (change: object): object => ({
    contact_info: {
      ...{ local_dc: 'dc1', sni_proxy_address: '127.0.0.1:1', contact_points: [hostId(1)] },
      ...change,
    },
  })
  const text =
    (answer: string, status = 200): RequestListener =>
    (_, response) =>
      void response.writeHead(status).end(answer)
  const json = (answer: unknown): RequestListener => text(JSON.stringify(answer))

  const answers: readonly (readonly [string, RequestListener, RegExp])[] = [
    ['an error', text('oops', 500), /answered with status 500/],
    ['that it is away', text('', 503), /answered with status 503 \(is the database hibernated\?\)/],
    ['that it does not know the client', text('', 401), /answered with status 401/],
    ['another place', (_, response) => response.writeHead(302, { location: '/' }).end(), /302/],
    ['nothing', text(''), /not understood: it is no JSON/],
    ['garbage', text('<html>'), /not understood: it is no JSON/],
    ['a number', json(1), /the answer is no object/],
    ['an empty object', json({}), /contact_info is missing/],
    ['no proxy', json(contact({ sni_proxy_address: undefined })), /sni_proxy_address is missing/],
    ['a wrong proxy', json(contact({ sni_proxy_address: 'a b:c' })), /sni_proxy_address/],
    ['a wrong port', json(contact({ sni_proxy_address: 'a:0' })), /sni_proxy_address/],
    ['no data center', json(contact({ local_dc: null })), /contact_info.local_dc is missing/],
    ['no nodes', json(contact({ contact_points: [] })), /contact_points is no list of host ids/],
    ['what is no list', json(contact({ contact_points: 'a' })), /contact_points is no list/],
    ['what is no host id', json(contact({ contact_points: ['../a'] })), /what is no host id/],
    ['far too much', text('x'.repeat(2 ** 20 + 1)), /more than 1048576 bytes/],
    [
      'half of it',
      (request, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{', () => request.socket.destroy())
      },
      /metadata service (broke off|closed|cannot)/,
    ],
    ['by closing the connection', (request) => void request.socket.destroy(), /metadata service/],
  ]
  test.each(answers)('that answers %s fails the session', async (_, answer, message) => {
    const port = await serveMetadata(answer)
    const error = await failure(astraBundle(port, authority))
    expect(error).toMatchObject({ code: 'TSYLLA_CONNECTION', outcome: 'not_applied' })
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toMatch(message)
  })

  test('that answers nothing, or never ends, fails the session at its deadline', async () => {
    let closedCount = 0
    const silent = await serveMetadata((request) => {
      request.socket.on('close', () => closedCount++)
    })
    const endless = await serveMetadata((request, response) => {
      request.socket.on('close', () => closedCount++)
      response.writeHead(200).write('{')
    })
    for (const port of [silent, endless]) {
      const error = await failure(astraBundle(port, authority), { connectionTimeoutMs: 300 })
      expect(error).toMatchObject({ code: 'TSYLLA_CONNECTION' })
      expect(error.message).toContain('has not answered within 300 ms')
    }
    await expect.poll(() => closedCount).toBe(2)
  })

  test('that is waited for is given up when connecting is aborted', async () => {
    const controller = new AbortController()
    let closedCount = 0
    const port = await serveMetadata((request) => {
      request.socket.on('close', () => closedCount++)
      controller.abort(new Error('enough'))
    })
    const building = new SessionBuilder()
      .cloud({ bundle: astraBundle(port, authority) })
      .build({ signal: controller.signal })
    await expect(building).rejects.toMatchObject({ code: 'TSYLLA_ABORTED' })
    await expect.poll(() => closedCount).toBe(1)
  })

  test('of another authority, of another name, without TLS, or not there, is refused', async () => {
    const strange = await serveMetadata(json(contact({})), stranger)
    expect(await failure(astraBundle(strange, authority))).toMatchObject({ code: 'TSYLLA_TLS' })
    const port = await serveMetadata(json(contact({})))
    const misnamed = await failure(astraBundle(port, authority, { host: 'localhost' }))
    expect(misnamed).toMatchObject({ code: 'TSYLLA_TLS' })
    const plain = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('HTTP/1.1 200 OK\r\n\r\n')
    })
    servers.push(plain)
    plain.listen(0, '127.0.0.1')
    await once(plain, 'listening')
    const { port: plainPort } = plain.address() as AddressInfo
    const error = await failure(astraBundle(plainPort, authority))
    expect(error.code).toMatch(/^TSYLLA_(TLS|CONNECTION)$/)
    expect(await failure(astraBundle(1, authority))).toMatchObject({ code: 'TSYLLA_CONNECTION' })
  })
})

describe('a wrong secure connect bundle', () => {
  const without = (name: string): Buffer =>
    makeZip(astraParts(1, authority).filter((part) => part.name !== name))
  const replaced = (name: string, data: Buffer | string): Buffer =>
    makeZip(astraParts(1, authority).map((part) => (part.name === name ? { name, data } : part)))
  const cases: readonly (readonly [string, () => Buffer, RegExp])[] = [
    ['without its configuration', () => without('config.json'), /does not contain "config.json"/],
    ['without an authority', () => without('ca.crt'), /does not contain "ca.crt", only cert/],
    ['without a certificate', () => without('cert'), /does not contain "cert"/],
    ['without a key', () => without('key'), /does not contain "key"/],
    [
      'with garbage',
      () => replaced('config.json', '{"secret'),
      /config.json of the bundle is no J/,
    ],
    ['with a list', () => replaced('config.json', '[]'), /config.json of the bundle is no object/],
    ['without a host', () => astraBundle(1, authority, { host: '' }), /bundle: host is missing/],
    ['with a wrong host', () => astraBundle(1, authority, { host: 'a b' }), /host is no host/],
    ['with two ports', () => astraBundle(1, authority, { host: 'a:5' }), /host has a port of its/],
    ['without a port', () => astraBundle(1, authority, { port: undefined }), /port is missing/],
    ['with a wrong port', () => astraBundle(1, authority, { port: '1e3' }), /port is no port/],
    ['with port 0', () => astraBundle(0, authority), /port is no port/],
    [
      'that names other files',
      () => astraBundle(1, authority, { certLocation: '../../etc/passwd' }),
      /does not contain "..\/..\/etc\/passwd"/,
    ],
    [
      'with garbage as authority',
      () => replaced('ca.crt', 'x'),
      /"ca.crt" of the bundle is no cert/,
    ],
    ['with garbage as certificate', () => replaced('cert', 'x'), /"cert" of the bundle is no cert/],
    ['with garbage as key', () => replaced('key', 'x'), /"key" of the bundle is no private key/],
    [
      'with another key',
      () => replaced('key', stranger.identity.key),
      /"key" of the bundle is not the key of the certificate/,
    ],
    [
      'that is cut off',
      () => astraBundle(1, authority).subarray(0, 900),
      /it is cut off, or no zip/,
    ],
  ]
  test.each(cases)('%s is refused before anything is dialled', async (_, bundle, message) => {
    const error = await failure(bundle())
    expect(error).toMatchObject({ code: 'TSYLLA_CONFIG' })
    expect(error.message).toMatch(message)
    const shown = inspect(error, { depth: 9, showHidden: true })
    expect(shown).not.toMatch(/secret|PRIVATE KEY/)
  })
})
