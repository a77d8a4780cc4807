import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { TcpEndpoint } from '../../src/transport/index.ts'
import { systemClock } from '../../src/util/index.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer()
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

function endpoint(port: number): TcpEndpoint {
  return new TcpEndpoint('127.0.0.1', port, {
    connectTimeoutMs: 5_000,
    noDelay: true,
    keepAliveMs: undefined,
    tls: undefined,
    clock: systemClock,
  })
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
