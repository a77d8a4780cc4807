import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type AddressTranslator,
  ConfigError,
  Session,
  type SessionOptions,
} from '../../src/index.ts'
import { translateAddress } from '../../src/transport/address-translator.ts'
import { systemLookup, TcpEndpoint } from '../../src/transport/index.ts'
import { membersOf } from '../support/member-node.ts'
import { type ServedNode, serveNode } from '../support/served-node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const handler = { onBytes() {}, onClosed() {} }

function endpoint(addressTranslator: AddressTranslator, clock = new VirtualClock()): TcpEndpoint {
  return new TcpEndpoint('10.0.0.9', 9042, {
    ...{ connectTimeoutMs: 5_000, noDelay: true, keepAliveMs: undefined, tls: undefined },
    ...{ clock, addressTranslator, lookup: systemLookup },
  })
}

describe('an address translator', () => {
  /** Two nodes that advertise 10.0.0.1 and 10.0.0.2, and listen on ports of this machine. */
  async function open(
    options: (served: readonly ServedNode[]) => Partial<SessionOptions>,
  ): Promise<{ session: Session; served: readonly ServedNode[] }> {
    const served = await Promise.all(membersOf(2).map((node) => serveNode(node)))
    const session = await Session.connect([served[0]!.address], options(served))
    onTestFinished(async () => {
      await session.close()
      await Promise.all(served.map((node) => node.close()))
    })
    return { session, served }
  }
  const reached = (session: Session): unknown =>
    session.getClusterData().nodes.map(({ address, isAvailable }) => [address, isAvailable])

  test.each<[string, (other: string) => AddressTranslator]>([
    ['a map of addresses', (other) => ({ '10.0.0.2:9042': other })],
    ['a map of hosts', (other) => ({ '10.0.0.2': other, '10.0.0.3': 'nowhere' })],
    [
      'a function',
      (other) =>
        ({ host, port }) =>
          host === '10.0.0.2' && port === 9042 ? other : host,
    ],
    [
      'an async function',
      (other) =>
        ({ address }) =>
          Promise.resolve(address && other),
    ],
  ])('leads to nodes that cannot be reached by their own address: %s', async (_, translator) => {
    const { session, served } = await open((nodes) => ({
      addressTranslator: translator(nodes[1]!.address),
    }))
    // The contact point is the way to the node that was asked.
    expect(reached(session)).toEqual([
      [served[0]!.address, true],
      ['10.0.0.2:9042', true],
    ])
  })

  test('is asked about what the host filter accepts, by the address that nodes advertise', async () => {
    const filtered: string[] = []
    const translated: string[] = []
    const { session } = await open((served) => ({
      hostFilter: ({ address }) => {
        filtered.push(address)
        return address !== '10.0.0.2:9042'
      },
      addressTranslator: ({ address }) => {
        translated.push(address)
        return served[1]!.address
      },
    }))
    expect(filtered).toContain('10.0.0.2:9042')
    expect(translated).toEqual([])
    expect(session.getClusterData().nodes).toHaveLength(1)
  })

  test.each<[string, AddressTranslator, string]>([
    [
      'that throws',
      () => {
        throw new Error('no DNS')
      },
      'addressTranslator failed: no DNS',
    ],
    ['that rejects', () => Promise.reject(new Error('no DNS')), 'addressTranslator failed: no DNS'],
    ['that returns nothing', (() => undefined) as never, 'it returned no text'],
    ['that returns no address', () => 'a b', 'The address that it returned, "a b" is not host'],
    ['that returns no port', () => 'a:99999', 'has a port outside'],
  ])('%s fails the connection', async (_, translator, message) => {
    const opening = endpoint(translator).open(handler)
    await expect(opening).rejects.toMatchObject({
      ...{ code: 'TSYLLA_CONNECTION', outcome: 'not_applied' },
      message: expect.stringContaining(message) as string,
    })
    await expect(opening).rejects.toThrow('10.0.0.9:9042')
  })

  test('that hangs ends with the time for connecting, or when the attempt is given up', async () => {
    const clock = new VirtualClock()
    const never: AddressTranslator = () => new Promise(() => {})
    const opening = endpoint(never, clock).open(handler)
    clock.advance(5_000)
    await expect(opening).rejects.toThrow('has not answered within 5000 ms')
    expect(clock.pendingCount).toBe(0)
    const controller = new AbortController()
    const second = endpoint(never, clock).open(handler, { signal: controller.signal })
    controller.abort()
    await expect(second).rejects.toThrow('was given up')
    expect(clock.pendingCount).toBe(0)
  })

  test.each<[unknown, string]>([
    ['10.0.0.1', 'addressTranslator must be a function or an object'],
    [[], 'addressTranslator must be a function or an object'],
    [null, 'addressTranslator must be a function or an object'],
    [{ a: 1 }, 'addressTranslator has no text as the address of a'],
    [{ a: 'b c' }, 'The address of a in addressTranslator, "b c" is not host'],
  ])('%j is refused', async (translator, message) => {
    const options = { addressTranslator: translator as AddressTranslator }
    const refused = Session.connect(['embedded:'], options)
    await expect(refused).rejects.toThrow(ConfigError)
    await expect(refused).rejects.toThrow(message)
  })

  test.each<[string, { [from: string]: string }, string]>([
    ['an entry for it', { 'a:19042': 'b:1', 'a:9042': 'c' }, 'b:1'],
    ['an entry for the host', { a: 'b' }, 'b:19042'],
    ['an entry for the other port that keeps it', { 'a:9042': 'b:9042' }, 'b:19042'],
    ['an entry for the other port without one', { 'a:9042': 'b' }, 'b:19042'],
    ['no entry', { 'b:9042': 'c' }, 'a:19042'],
  ])('leads to shard-aware ports: %s', async (_, translator, expected) => {
    const node = { address: 'a:19042', host: 'a', port: 19_042 }
    const limits = { clock: new VirtualClock(), timeoutMs: 5_000, signal: undefined }
    const { host, port } = await translateAddress(translator, node, { ...limits, mainPort: 9_042 })
    expect(`${host}:${port}`).toBe(expected)
  })

  test('that has another port for the node does not guess its shard-aware port', async () => {
    const options = { port: 19_042, localPort: 50_000 }
    const opening = endpoint({ '10.0.0.9:9042': 'localhost:39042' }).open(handler, options)
    await expect(opening).rejects.toMatchObject({
      code: 'TSYLLA_CONNECTION',
      message:
        '10.0.0.9:19042: addressTranslator has 10.0.0.9:9042, but no address of the shard-aware port',
    })
  })
})
