import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../scripts/cassandra/certificates.ts'
import { Session } from '../../src/index.ts'
import { type Link, systemLookup, TcpEndpoint, type TlsOptions } from '../../src/transport/index.ts'
import { systemClock } from '../../src/util/index.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server = createServer()): Promise<{ server: Server; port: number }> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const { server, port } = await listen()
  server.close()
  await once(server, 'close')
  return port
}

const handler = { onBytes() {}, onClosed() {} }

const tcpOptions = {
  connectTimeoutMs: 5_000,
  noDelay: true,
  keepAliveMs: undefined,
  tls: undefined,
  clock: systemClock,
  lookup: systemLookup,
}

function endpoint(port: number, tls?: TlsOptions): TcpEndpoint {
  return new TcpEndpoint('127.0.0.1', port, { ...tcpOptions, tls })
}

test('a link can be opened from a chosen local port', async () => {
  const { server, port } = await listen()
  const localPort = await freePort()
  const accepted = once(server, 'connection')
  const link = await endpoint(port).open(handler, { localPort })
  const [socket] = await accepted
  expect(socket.remotePort).toBe(localPort)
  const second = endpoint(port).open(handler, { localPort })
  await expect(second).rejects.toMatchObject({ code: 'TSYLLA_CONNECTION', outcome: 'not_applied' })
  link.destroy()
  socket.destroy()
})

test('a link can be opened to another port of the host', async () => {
  const { server, port } = await listen()
  const accepted = once(server, 'connection')
  const link = await endpoint(await freePort()).open(handler, { port })
  const [socket] = await accepted
  link.destroy()
  socket.destroy()
})

test('a link that is given up while its address is looked up is never made', async () => {
  const { server, port } = await listen()
  let acceptedCount = 0
  server.on('connection', () => acceptedCount++)
  const reason = new Error('given up')
  for (const addressTranslator of [undefined, {}, () => '127.0.0.1']) {
    const options = { ...tcpOptions, addressTranslator }
    const controller = new AbortController()
    const opening = new TcpEndpoint('127.0.0.1', port, options).open(handler, controller)
    controller.abort(reason)
    await expect(opening).rejects.toThrow(/given up/)
  }
  expect(acceptedCount).toBe(0)
})

test('a link that the node ends is lost at once, whatever is still to be sent', async () => {
  const { server, port } = await listen(createServer({ allowHalfOpen: true }))
  const accepted = once(server, 'connection') as Promise<[Socket]>
  let received = 0
  let link: Link | undefined
  const closed = new Promise<void>((resolve) => {
    const onBytes = (_: Uint8Array, start: number, end: number): void => {
      received += end - start
    }
    void endpoint(port)
      .open({ onBytes, onClosed: () => resolve() })
      .then((opened) => {
        link = opened
      })
  })
  const [socket] = await accepted
  socket.pause()
  await expect.poll(() => link).toBeDefined()
  // More than both kernels buffer.
  link!.write(Buffer.alloc(32 * 1024 * 1024))
  expect(link!.pendingBytes).toBeGreaterThan(0)
  socket.end(Buffer.alloc(1_000))
  await closed
  expect(received).toBe(1_000)
  socket.destroy()
}, 5_000)

describe('a port that expects TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tsylla-tls-'))
  const ca = readFileSync(makeCertificates(folder, ['IP:127.0.0.1']))
  const identity = {
    cert: readFileSync(join(folder, 'server.crt')),
    key: readFileSync(join(folder, 'server.key')),
  }
  afterAll(() => rmSync(folder, { recursive: true }))

  test('a TLS link can be opened from a chosen local port', async () => {
    const { server, port } = await listen(createTlsServer(identity))
    const localPort = await freePort()
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
    const link = await endpoint(port, { ca }).open(handler, { localPort })
    const [socket] = await accepted
    expect(socket.remotePort).toBe(localPort)
    link.destroy()
    socket.destroy()
  })

  for (const minVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a client without TLS is told to set the option (${minVersion})`, async () => {
      const { port } = await listen(createTlsServer({ ...identity, minVersion }))
      await expect(Session.connect([`127.0.0.1:${port}`])).rejects.toMatchObject({
        code: 'TSYLLA_CONNECTION',
        outcome: 'not_applied',
        message: expect.stringContaining('set the option tls'),
      })
    })
  }

  test('so is one whose connection is closed without an answer, or answered by an alert', async () => {
    const alert = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46])
    for (const [answer, hint] of [
      [undefined, 'as a port that expects TLS does: if so, set the option tls'],
      [alert, 'The port speaks TLS: set the option tls'],
    ] as const) {
      const server = createServer((socket) =>
        socket.once('data', () => (answer === undefined ? socket.end() : socket.end(answer))),
      )
      const { port } = await listen(server)
      await expect(Session.connect([`127.0.0.1:${port}`])).rejects.toThrow(hint)
    }
  })

  test('a client with TLS, and one that a node answers in CQL, are not', async () => {
    const closing = await listen(createServer((socket) => socket.once('data', () => socket.end())))
    const plain = await listen(
      createServer((socket) => socket.once('data', () => socket.end(Buffer.from([0x84, 0, 0])))),
    )
    for (const connecting of [
      Session.connect([`127.0.0.1:${closing.port}`], { tls: { ca } }),
      Session.connect([`127.0.0.1:${plain.port}`]),
    ]) {
      const error = await connecting.catch((one: Error) => one)
      expect(error).toBeInstanceOf(Error)
      expect((error as Error).message).not.toContain('option tls')
    }
  })
})
