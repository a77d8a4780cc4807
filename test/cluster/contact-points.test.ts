import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openingCountMax } from '../../src/cluster/control-connection.ts'
import {
  type HostLookup,
  type Session,
  SessionBuilder,
  type SessionOptions,
} from '../../src/index.ts'
import type { Endpoint } from '../../src/transport/index.ts'
import { MemberNode, membersOf } from '../support/member-node.ts'
import { settle } from '../support/scripted-session.ts'
import { serveNode } from '../support/served-node.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE k = ?'

/** Moves a virtual clock on until a promise settles. */
async function until<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let isSettled = false
  const settled = work.finally(() => {
    isSettled = true
  })
  settled.catch(() => {})
  while (!isSettled) {
    clock.advance(1)
    await settle()
  }
  return await settled
}

function connecting(
  clock: VirtualClock,
  contactPoints: readonly string[],
  options: Partial<SessionOptions>,
): Promise<Session> {
  return until(clock, new SessionBuilder({ clock, contactPoints, ...options }).build())
}

/** A server that accepts connections and says nothing. */
async function silentServer(host: string, port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    sockets.push(socket)
  })
  server.listen(port, host)
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
  return sockets
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.41')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('a contact point that is a host name', () => {
  test('stands for all its addresses: refusing and silent ones cost nothing', async () => {
    const clock = new VirtualClock()
    const port = await freePort()
    const silent = await silentServer('127.0.0.42', port)
    const node = new MemberNode(clock, 1, '127.0.0.43')
    const served = await serveNode(node, { host: '127.0.0.43', port })
    onTestFinished(() => served.close())
    const asked: string[] = []
    const lookup: HostLookup = async (host) => {
      asked.push(host)
      return ['127.0.0.41', '127.0.0.42', '127.0.0.43', '127.0.0.42']
    }
    const startMs = clock.monotonicMs()
    const session = await connecting(clock, [`db.example:${port}`], { lookup })
    // The silent one is not waited for until the time for connecting has passed.
    expect(clock.monotonicMs() - startMs).toBeLessThan(4_000)
    expect(asked).toEqual(['db.example'])
    expect(session.getClusterData().nodes).toMatchObject([{ address: `127.0.0.43:${port}` }])
    // What has lost the race is closed.
    await expect.poll(() => silent.map(({ destroyed }) => destroyed)).toEqual([true])
    await until(clock, session.execute(select, [1]))
    await until(clock, session.close())
    expect(clock.pendingCount).toBe(0)
  })

  test('is looked up again for every connection while it stands for one node', async () => {
    const clock = new VirtualClock()
    const port = await freePort()
    const hosts = ['127.0.0.44', '127.0.0.45']
    // The node does not say where it is, as behind a proxy.
    const nodes = hosts.map(() => new MemberNode(clock, 1, '10.0.0.1'))
    const served = await Promise.all(
      nodes.map((node, i) => serveNode(node, { host: hosts[i]!, port })),
    )
    let current = hosts[0]!
    const lookup: HostLookup = (host) => (host === 'db.example' ? [current] : [])
    const session = await connecting(clock, [`db.example:${port}`], { lookup })
    await until(clock, session.execute(select, [1]))
    current = hosts[1]!
    await served[0]!.close()
    await until(clock, session.execute(select, [1]))
    const receivedBy = nodes.map(({ received }) => received.some(({ opcode }) => opcode === 10))
    expect(receivedBy).toEqual([true, true])
    expect(session.getClusterData().nodes).toMatchObject([{ address: `db.example:${port}` }])
    await until(clock, session.close())
    await served[1]!.close()
  })

  test('is looked up again when all known nodes are lost, and leads to where they are now', async () => {
    const clock = new VirtualClock()
    const port = await freePort()
    const before = new MemberNode(clock, 1, '127.0.0.46')
    const after = new MemberNode(clock, 1, '127.0.0.47')
    const [first, second] = [
      await serveNode(before, { host: '127.0.0.46', port }),
      await serveNode(after, { host: '127.0.0.47', port }),
    ]
    let addresses = ['127.0.0.48', '127.0.0.46']
    const session = await connecting(clock, [`db.example:${port}`], { lookup: () => addresses })
    await until(clock, session.execute(select, [1]))
    expect(session.getClusterData().nodes).toMatchObject([{ address: `127.0.0.46:${port}` }])
    addresses = ['127.0.0.48', '127.0.0.47']
    await first.close()
    await until(clock, session.execute(select, [1]))
    expect(session.getClusterData().nodes).toMatchObject([{ address: `127.0.0.47:${port}` }])
    await until(clock, session.close())
    await second.close()
  })

  test.each<[string, HostLookup, RegExp]>([
    ['none', () => [], /^db.example:9042: the host name db.example has no address$/],
    [
      'an error',
      () => Promise.reject(new Error('getaddrinfo ENOTFOUND db.example')),
      /^db.example:9042: the host name db.example cannot be resolved: getaddrinfo ENOTFOUND/,
    ],
    [
      'an exception',
      () => {
        throw new Error('no resolver')
      },
      /cannot be resolved: no resolver/,
    ],
    ['no IP address', () => ['db2'], /the lookup has returned db2, which is no IP address/],
    ['a number', () => [7 as never], /the lookup has returned 7, which is no IP address/],
    ['no list', () => undefined as never, /the lookup has returned no list/],
    ['nothing for long', () => new Promise(() => {}), /was not resolved within 5000 ms/],
  ])('that has %s fails with an error that names it', async (_, lookup, message) => {
    const clock = new VirtualClock()
    await expect(connecting(clock, ['db.example'], { lookup })).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'not_applied' },
      message: expect.stringMatching(message) as string,
    })
    expect(clock.pendingCount).toBe(0)
  })

  test('that cannot be resolved is no obstacle to another one', async () => {
    const clock = new VirtualClock()
    const port = await freePort()
    const served = await serveNode(new MemberNode(clock, 1), { host: '127.0.0.49', port })
    const lookup: HostLookup = (host) =>
      host === 'good.example' ? ['127.0.0.49'] : new Promise(() => {})
    const points = ['slow.example', `good.example:${port}`]
    const session = await connecting(clock, points, { lookup })
    await until(clock, session.close())
    await served.close()
    await expect(connecting(clock, points, { lookup: 'dns' as never })).rejects.toThrow(
      'lookup must be a function',
    )
  })
})

describe('many contact points', () => {
  /** An endpoint that stands for these. */
  const nameOf = (clock: VirtualClock, endpoints: readonly Endpoint[]): Endpoint => ({
    ...{ address: 'db.example:9042', network: { host: 'db.example', port: 9042 }, clock },
    open: () => Promise.reject(new Error('it is no node')),
    expand: async () => endpoints,
    release: async () => {},
  })

  test('are tried a bounded number at a time, and all of them', async () => {
    const clock = new VirtualClock()
    const [good, ...silent] = membersOf(1 + 3 * openingCountMax, clock)
    good!.peers = []
    let openCount = 0
    let openCountMax = 0
    for (const node of silent) {
      node.open = () => {
        openCountMax = Math.max(openCountMax, ++openCount)
        return new Promise((_, reject) => {
          const giveUp = (): void => {
            openCount--
            reject(new Error('given up'))
          }
          clock.schedule(5_000, giveUp)
        })
      }
    }
    const point = {
      [Symbol.for('tsylla.contact-point/1')]: async () => nameOf(clock, [...silent, good!]),
    }
    const building = new SessionBuilder({ clock }).knownNode(point as never).build()
    let session: Session | undefined
    void building.then((built) => {
      session = built
    })
    await pass(clock, 60_000)
    expect(openCountMax).toBe(openingCountMax)
    expect(session?.getClusterData().nodes).toHaveLength(1)
    const closing = session!.close()
    await pass(clock, 6_000)
    await closing
  })
})
