import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Session, SessionBuilder, type SessionOptions } from '../../src/index.ts'

const codeOf = async (
  points: readonly unknown[],
  options: Partial<SessionOptions> = {},
): Promise<unknown> =>
  await Session.connect(points as string[], { connectionTimeoutMs: 1_000, ...options }).then(
    async (session) => {
      await session.close()
      return 'connected'
    },
    (error: { code: string; outcome: string }) => `${error.code} ${error.outcome}`,
  )

describe('contact points and options that are wrong', () => {
  const wrong: readonly (readonly [readonly unknown[], Partial<SessionOptions>?])[] = [
    [[]],
    [['']],
    [['host:']],
    [['host:0']],
    [['host:65536']],
    [['host:port']],
    [['a b:9042']],
    [['::1:9042:x']],
    [[5]],
    [[null]],
    [['unknown:thing']],
    [['embedded']],
    [['embedded://']],
    [['embedded://data']],
    [['embedded:', '127.0.0.1']],
    [['127.0.0.1', 'embedded:']],
    [['embedded:'], { poolSize: 0 }],
    [['embedded:'], { poolSize: 1.5 }],
    [['embedded:'], { requestTimeoutMs: -1 }],
    [['embedded:'], { connectionTimeoutMs: 0 }],
    [['embedded:'], { compression: 'gzip' as never }],
    [['embedded:'], { consistency: 'SOME' as never }],
    [['embedded:'], { serialConsistency: 'ONE' as never }],
    [['embedded:'], { pageSize: 0 }],
    [['embedded:'], { timestamps: 'both' as never }],
    [['embedded:'], { int64: 'long' as never }],
    [['embedded:'], { keyspace: 'a-b' }],
    [['embedded:'], { createKeyspace: true }],
    [['embedded:'], { user: 'u' }],
    [['embedded:'], { password: 'p' }],
    [['embedded:'], { unknownOption: 1 } as never],
    [['embedded:'], { keyspace: 'k', createKeyspace: { replicationFactor: -1 } }],
  ]
  for (const [points, options] of wrong) {
    test(`${JSON.stringify(points)} ${JSON.stringify(options ?? {})}`, async () => {
      expect(await codeOf(points, options)).toBe('TSYLLA_CONFIG not_applied')
    })
  }

  test('what is no list of contact points', async () => {
    expect(await codeOf({ host: '127.0.0.1' } as never)).toBe('TSYLLA_CONFIG not_applied')
    expect(() => new SessionBuilder().knownNodes('127.0.0.1' as never)).toThrow(/list/)
  })

  test('a keyspace that does not exist is named, with the way to make it', async () => {
    const failed = Session.connect(['embedded:'], { keyspace: 'missing' })
    await expect(failed).rejects.toMatchObject({
      code: 'TSYLLA_KEYSPACE',
      keyspace: 'missing',
      message: expect.stringMatching(/createKeyspace/),
    })
  })
})

describe('nodes that are none', () => {
  const servers: Server[] = []
  const addresses = new Map<string, string>()

  const listen = (
    name: string,
    onBytes: (write: (bytes: Uint8Array) => void, end: () => void) => void,
  ) =>
    new Promise<void>((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () =>
          onBytes(
            (bytes) => void socket.write(bytes),
            () => void socket.end(),
          ),
        )
      })
      servers.push(server)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        if (address !== null && typeof address === 'object')
          addresses.set(name, `127.0.0.1:${address.port}`)
        resolve()
      })
    })

  beforeAll(async () => {
    await listen('http', (write) => write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')))
    await listen('silent', () => {})
    await listen('closing', (_write, end) => end())
    await listen('future', (write) => write(Uint8Array.of(0x86, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0)))
    await listen('huge', (write) => write(Uint8Array.of(0x84, 0, 0, 0, 6, 0x7f, 0xff, 0xff, 0xff)))
    await listen('confused', (write) =>
      write(Uint8Array.of(0x84, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 1)),
    )
  })
  afterAll(() => {
    for (const server of servers) server.close()
  })

  test('no process listens', async () => {
    expect(await codeOf(['127.0.0.1:1'])).toBe('TSYLLA_CONNECTION not_applied')
  })

  test('several, and none of them can be used', async () => {
    const error = await Session.connect(['127.0.0.1:1', '127.0.0.1:2']).catch(
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'TSYLLA_NO_NODE_AVAILABLE', outcome: 'not_applied' })
    expect([...(error as { errors: Map<string, unknown> }).errors.keys()]).toEqual([
      '127.0.0.1:1',
      '127.0.0.1:2',
    ])
  })

  for (const name of ['http', 'silent', 'closing', 'future', 'huge', 'confused']) {
    test(`a server that is ${name}`, async () => {
      expect(await codeOf([addresses.get(name)!])).toMatch(/^TSYLLA_CONNECTION not_applied$/)
    })
  }

  test('TLS against a server that speaks none', async () => {
    expect(await codeOf([addresses.get('closing')!], { tls: true })).toMatch(
      /^TSYLLA_(TLS|CONNECTION) not_applied$/,
    )
  })

  test('a failed build leaves nothing behind', async () => {
    await new SessionBuilder()
      .knownNodes(['127.0.0.1:1', addresses.get('closing')!])
      .build()
      .catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    expect(
      process.getActiveResourcesInfo().filter((name) => /TLSWrap|ConnectWrap/.test(name)),
    ).toEqual([])
  })
})

test('an abort stops connecting at any point and closes what was opened', async () => {
  const accepted: Socket[] = []
  const silent = createServer((socket) => accepted.push(socket.resume()))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const builder = new SessionBuilder({ connectionTimeoutMs: 600_000 }).knownNode(
    `127.0.0.1:${port}`,
  )
  const aborted = { code: 'TSYLLA_ABORTED', outcome: 'not_applied', cause: 'enough' }
  await expect(builder.build({ signal: AbortSignal.abort('enough') })).rejects.toMatchObject(
    aborted,
  )
  const controller = new AbortController()
  const connecting = expect(builder.build({ signal: controller.signal })).rejects.toMatchObject(
    aborted,
  )
  while (accepted.length === 0) await new Promise((resolve) => setImmediate(resolve))
  controller.abort('enough')
  await connecting
  for (const socket of accepted) if (!socket.closed) await once(socket, 'close')
  silent.close()
})
