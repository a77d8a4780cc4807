import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  type CertificateOptions,
  makeAuthority,
  makeCertificate,
} from '../../scripts/cassandra/certificates.ts'
import { Session, type SessionOptions } from '../../src/index.ts'
import { MemberNode } from '../support/member-node.ts'
import { isBun, isDeno } from '../support/runtime.ts'
import { serveSocket } from '../support/served-node.ts'

const contactHost = '127.0.0.60'
const peerHost = '127.0.0.61'
const name = 'db1.example.com'
const ips = [`IP:${contactHost}`, `IP:${peerHost}`]

interface Case {
  readonly what: string
  readonly certificate: CertificateOptions
  /** Whether a node with it is accepted where only its address is known, and by its name. */
  readonly byAddress: boolean
  readonly byName: boolean
}

const cases: readonly Case[] = [
  { what: 'of its addresses', certificate: { names: ips }, byAddress: true, byName: false },
  { what: 'of its name', certificate: { names: [`DNS:${name}`] }, byAddress: false, byName: true },
  {
    what: 'of all names of a domain',
    certificate: { names: ['DNS:*.example.com'] },
    ...{ byAddress: false, byName: true },
  },
  {
    what: 'of a domain that is not its own',
    certificate: { names: ['DNS:*.example.org', 'DNS:*.com', 'IP:127.0.0.99'] },
    ...{ byAddress: false, byName: false },
  },
  {
    // Node looks there when no other name is in it; never for an address.
    what: 'whose common name is its name',
    certificate: { commonName: name },
    ...{ byAddress: false, byName: true },
  },
  {
    what: 'that has an address as a name',
    certificate: { names: [`DNS:${peerHost}`, `DNS:${contactHost}`], commonName: peerHost },
    ...{ byAddress: false, byName: false },
  },
  {
    what: 'that has expired',
    certificate: { names: [...ips, `DNS:${name}`], days: -1 },
    ...{ byAddress: false, byName: false },
  },
  {
    what: 'of another authority',
    certificate: { names: [...ips, `DNS:${name}`], authority: 'other' },
    ...{ byAddress: false, byName: false },
  },
  {
    what: 'signed by itself',
    certificate: { names: [...ips, `DNS:${name}`], authority: 'itself' },
    ...{ byAddress: false, byName: false },
  },
  {
    what: 'of a client',
    certificate: { names: [...ips, `DNS:${name}`], usage: 'clientAuth' },
    ...{ byAddress: false, byName: false },
  },
]

let folder: string
let ca: Buffer
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsylla-tls-'))
  ca = readFileSync(makeAuthority(folder, 'ca'))
  makeAuthority(folder, 'other')
  makeCertificate(folder, 'good', { authority: 'ca', names: [...ips, `DNS:${name}`] })
  for (const [i, { certificate }] of cases.entries()) {
    const { authority = 'ca' } = certificate
    const { authority: _, ...own } = certificate
    makeCertificate(folder, `case${i}`, authority === 'itself' ? own : { ...own, authority })
  }
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

interface TlsNode {
  readonly port: number
  /** Connections that were made, and have ended or speak CQL. */
  readonly settled: () => number
  /** Connections that have spoken CQL. */
  readonly heard: () => number
}

async function serveTls(
  node: MemberNode,
  certificate: string,
  { port: wanted = 0, oldVersion = false } = {},
): Promise<TlsNode> {
  let settledCount = 0
  let heardCount = 0
  const sockets = new Set<TLSSocket>()
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const
  const server = createServer(
    {
      key: readFileSync(join(folder, `${certificate}.key`)),
      cert: readFileSync(join(folder, `${certificate}.crt`)),
      ...(oldVersion ? old : {}),
    },
    (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => settledCount++)
      socket.once('data', () => {
        settledCount++
        heardCount++
      })
      serveSocket(node, socket)
    },
  )
  server.on('tlsClientError', () => settledCount++)
  server.listen(wanted, node.network.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  node.network.port = port
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { port, settled: () => settledCount, heard: () => heardCount }
}

/** @param nameHost the address of the name */
const options = (nameHost = contactHost): Partial<SessionOptions> => ({
  tls: { ca },
  connectionTimeoutMs: 5_000,
  lookup: () => Promise.resolve([nameHost]),
})

describe.each(cases.map((each, i) => [each.what, each, `case${i}`] as const))(
  'a certificate %s',
  (_, { byAddress, byName }, certificate) => {
    async function contact(host: string): Promise<readonly [isAccepted: boolean, heard: number]> {
      const node = new MemberNode(undefined, 1, contactHost)
      const { port, heard } = await serveTls(node, certificate)
      const connecting = Session.connect([`${host}:${port}`], options())
      const session = await connecting.catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'TSYLLA_TLS', outcome: 'not_applied' })
        return undefined
      })
      await session?.close()
      return [session !== undefined, heard()]
    }

    test('of a contact point that is an address', async () => {
      const [isAccepted, heard] = await contact(contactHost)
      expect([isAccepted, heard > 0]).toEqual([byAddress, byAddress])
    })

    test('of a contact point that is a name', async () => {
      const [isAccepted, heard] = await contact(name)
      expect([isAccepted, heard > 0]).toEqual([byName, byName])
    })

    async function discover(extra: Partial<SessionOptions>): Promise<boolean> {
      const node = new MemberNode(undefined, 1, contactHost)
      const peer = new MemberNode(undefined, 2, peerHost)
      node.peers = [peer]
      peer.peers = [node]
      const { port } = await serveTls(node, 'good')
      const served = await serveTls(peer, certificate, { port })
      const session = await Session.connect([`${contactHost}:${port}`], { ...options(), ...extra })
      onTestFinished(() => session.close())
      await expect.poll(served.settled).toBeGreaterThan(0)
      const found = session
        .getClusterData()
        .nodes.find(({ address }) => address === `${peerHost}:${port}`)
      // A node that is refused receives nothing.
      if (found?.isAvailable !== true) expect(served.heard()).toBe(0)
      return found?.isAvailable === true
    }

    test('of a node that was discovered', async () => {
      expect(await discover({})).toBe(byAddress)
    })

    test('of a node that was discovered, and is known by its name', async () => {
      const byItsName = { ...options(peerHost), addressTranslator: { [peerHost]: name } }
      expect(await discover(byItsName)).toBe(byName)
    })

    test('of a node that was discovered, accepted when nothing is to be verified', async () => {
      expect(await discover({ tls: { insecureSkipVerify: true } })).toBe(true)
    })
  },
)

// Servers of Bun and Deno cannot be told to speak it.
test.skipIf(isBun || isDeno)('a node that speaks an old version of TLS is refused', async () => {
  const node = new MemberNode(undefined, 1, contactHost)
  const { port, heard } = await serveTls(node, 'good', { oldVersion: true })
  await expect(Session.connect([`${contactHost}:${port}`], options())).rejects.toMatchObject({
    code: 'TSYLLA_TLS',
  })
  expect(heard()).toBe(0)
})
