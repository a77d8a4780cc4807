import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makeCertificates } from '../../scripts/cassandra/certificates.ts'
import { FailedLogins } from '../../src/embedded/failed-logins.ts'
import {
  embedded,
  type EmbeddedDatabase,
  type EmbeddedOptions,
  type Listener,
  type ListenOptions,
} from '../../src/embedded.ts'
import { Session } from '../../src/index.ts'
import {
  beginRequest,
  endFrame,
  FrameParser,
  Opcode,
  WireWriter,
  writeAuthToken,
  writeQueryHead,
  writeStartup,
} from '../../src/protocol/index.ts'
import { Inet } from '../../src/types/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectReports } from '../support/warnings.ts'

let db: EmbeddedDatabase
afterEach(async () => {
  await db.close()
})

async function listen(options: ListenOptions, of: EmbeddedOptions = {}): Promise<Listener> {
  db = await embedded(of)
  return await db.listen({ port: 0, ...options })
}

function requestFrame(opcode: number, encode: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter(256)
  const start = beginRequest(writer, 0, 1, opcode)
  encode(writer)
  endFrame(writer, start)
  return writer.copyFrom(0)
}

const startup = requestFrame(Opcode.STARTUP, (writer) =>
  writeStartup(writer, new Map([['CQL_VERSION', '3.0.0']])),
)
const login = (password: string): Uint8Array =>
  requestFrame(Opcode.AUTH_RESPONSE, (writer) =>
    writeAuthToken(writer, Buffer.from(`\0ada\0${password}`)),
  )
const query = (text: string): Uint8Array =>
  requestFrame(Opcode.QUERY, (writer) => writeQueryHead(writer, text, 1, 0))

const read = query('SELECT v FROM k.t WHERE p = 1')

/** A socket that collects the answers by opcode and length. */
class RawClient {
  readonly socket: Socket
  readonly answers: { opcode: number; length: number; text: string }[] = []
  readonly closed: Promise<void>
  #onAnswer: () => void = () => {}

  constructor({ port, host }: Listener, { allowHalfOpen = false } = {}) {
    const parser = new FrameParser(
      {
        onFrame: (_flags, _streamId, opcode, bytes, start, end) => {
          const text = bytes.toString('latin1', start, Math.min(end, start + 300))
          this.answers.push({ opcode, length: end - start, text })
          this.#onAnswer()
        },
      },
      { direction: 'response' },
    )
    this.socket = connect({ port, host, allowHalfOpen })
    this.socket.on('data', (bytes: Buffer) => parser.push(bytes))
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
  }

  async until(count: number): Promise<void> {
    while (this.answers.length < count) {
      await new Promise<void>((resolve) => {
        this.#onAnswer = resolve
      })
    }
  }

  async ask(frame: Uint8Array): Promise<{ opcode: number; text: string }> {
    const count = this.answers.length + 1
    this.socket.write(frame)
    await this.until(count)
    return this.answers.at(-1)!
  }
}

const secured: EmbeddedOptions = { user: 'ada', password: 'lovelace' }

describe('a listener', () => {
  test('closes connections beyond its limit at once, and takes new ones when others have gone', async () => {
    const listener = await listen({ connectionCountMax: 2 })
    const clients = [new RawClient(listener), new RawClient(listener)]
    for (const client of clients) expect((await client.ask(startup)).opcode).toBe(Opcode.READY)
    const third = new RawClient(listener)
    await third.closed
    expect(third.answers).toEqual([])
    clients[0]!.socket.destroy()
    await clients[0]!.closed
    for (;;) {
      const next = new RawClient(listener)
      next.socket.write(startup)
      // The server may learn of the closed connection after it gets the new one.
      const isReady = await Promise.race([next.until(1).then(() => true), next.closed])
      if (isReady === true) break
    }
  })

  test('closes what says nothing or does not log in, and leaves those that have alone', async () => {
    const warnings = collectReports()
    const onDisconnect = (): void => {
      throw new Error('the listener is broken')
    }
    const listener = await listen({ handshakeTimeoutMs: 150, onDisconnect }, secured)
    const ready = new RawClient(listener)
    await ready.ask(startup)
    expect((await ready.ask(login('lovelace'))).opcode).toBe(Opcode.AUTH_SUCCESS)
    const silent = new RawClient(listener)
    const asked = new RawClient(listener)
    expect((await asked.ask(startup)).opcode).toBe(Opcode.AUTHENTICATE)
    await Promise.all([silent.closed, asked.closed])
    await expect.poll(() => warnings).toEqual(['onDisconnect has failed'])
    const answer = await ready.ask(query('SELECT key FROM system.local'))
    expect(answer.opcode).toBe(Opcode.RESULT)
    ready.socket.destroy()
  })

  test('closes connections that it ended, although their clients do not', async () => {
    const listener = await listen({ handshakeTimeoutMs: 150, connectionCountMax: 2 })
    const stubborn = new RawClient(listener, { allowHalfOpen: true })
    expect((await stubborn.ask(startup)).opcode).toBe(Opcode.READY)
    const silent = new RawClient(listener)
    // The time that the first client had for its handshake is over, too.
    await silent.closed
    expect((await stubborn.ask(Buffer.from('GET / HTTP/1.1'))).opcode).toBe(Opcode.ERROR)
    const second = new RawClient(listener)
    expect((await second.ask(startup)).opcode).toBe(Opcode.READY)
    for (;;) {
      const next = new RawClient(listener)
      next.socket.write(startup)
      const isReady = await Promise.race([next.until(1).then(() => true), next.closed])
      if (isReady === true) break
    }
    stubborn.socket.destroy()
  })

  test('a connection may try three passwords, an address a number of its own', async () => {
    const listener = await listen({ failedLoginCountMax: 5 }, secured)
    const first = new RawClient(listener)
    await first.ask(startup)
    for (let i = 0; i < 3; i++) {
      expect((await first.ask(login('guess'))).text).toContain('are incorrect')
    }
    await first.closed
    const second = new RawClient(listener)
    await second.ask(startup)
    await second.ask(login('guess'))
    await second.ask(login('guess'))
    expect((await second.ask(login('lovelace'))).text).toContain('Too many wrong passwords')
    second.socket.destroy()
    const session = await db.session(secured)
    await session.close()
  })

  test('200 pipelined reads of a cell of 4 MB are executed as their answers are read', async () => {
    const listener = await listen({})
    const session = await db.session({ keyspace: 'k', createKeyspace: true })
    await session.execute('CREATE TABLE t (p int PRIMARY KEY, v blob)')
    await session.execute('INSERT INTO t (p, v) VALUES (1, ?)', [Buffer.alloc(4_000_000)])
    const client = new RawClient(listener)
    await client.ask(startup)
    client.socket.pause()
    const before = process.memoryUsage().arrayBuffers
    client.socket.write(Buffer.concat(Array.from({ length: 200 }, () => read)))
    // Answers of other clients: the server has taken the requests meanwhile.
    for (let i = 0; i < 50; i++) await session.execute('SELECT key FROM system.local')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
    client.socket.resume()
    await client.until(201)
    expect(client.answers.slice(1).every(({ length }) => length > 4_000_000)).toBe(true)
    client.socket.destroy()
    await session.close()
  }, 60_000)

  test('disconnects a client that has logged in and does not read, and says why', async () => {
    const reasons: string[] = []
    const onDisconnect = (reason: string): void => void reasons.push(reason)
    const listener = await listen({ writeTimeoutMs: 200, onDisconnect })
    const session = await db.session({ keyspace: 'k', createKeyspace: true })
    await session.execute('CREATE TABLE t (p int PRIMARY KEY, v blob)')
    await session.execute('INSERT INTO t (p, v) VALUES (1, ?)', [Buffer.alloc(8_000_000)])
    const client = new RawClient(listener)
    await client.ask(startup)
    client.socket.pause()
    client.socket.write(Buffer.concat([read, read, read]))
    while (reasons.length === 0) await session.execute('SELECT key FROM system.local')
    expect(reasons).toEqual([
      expect.stringMatching(
        /^127\.0\.0\.1 port \d+ has \d+ bytes of answers unread and has read too few of them within 200 ms$/,
      ),
    ])
    client.socket.resume()
    await client.closed
    await session.close()
  })

  test.skipIf(!existsSync('/proc/net/tcp'))('keeps idle connections alive', async () => {
    const listener = await listen({})
    const client = new RawClient(listener)
    await client.ask(startup)
    const port = listener.port.toString(16).toUpperCase().padStart(4, '0')
    // proc(5): the local address, the state (01: established), the kind of timer (02: keep-alive).
    const line = new RegExp(`:${port} \\S+ 01 \\S+ (\\d\\d):`)
    expect(line.exec(readFileSync('/proc/net/tcp', 'latin1'))?.[1]).toBe('02')
    client.socket.destroy()
  })

  test.each([
    [{ connectionCountMax: 0 }, 'connectionCountMax is a positive integer'],
    [{ handshakeTimeoutMs: Number.NaN }, 'handshakeTimeoutMs is a positive integer'],
    [{ writeTimeoutMs: 0 }, 'writeTimeoutMs is a positive integer'],
    [{ failedLoginCountMax: 1.5 }, 'failedLoginCountMax is a positive integer'],
    [{ tls: { cert: 'no', key: 'no' } }, 'tls: cert and key are'],
  ])('%o is refused', async (wrong, message) => {
    await expect(listen(wrong)).rejects.toMatchObject({
      code: 'TSYLLA_CONFIG',
      message: expect.stringContaining(message) as string,
    })
  })

  test('speaks TLS with a certificate, and to clients that do', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const ca = readFileSync(makeCertificates(folder, ['IP:127.0.0.1']))
    const file = (name: string): Buffer => readFileSync(join(folder, name))
    const tls = { cert: file('server.crt'), key: file('server.key') }
    const { address } = await listen({ tls })
    const session = await Session.connect([address], { tls: { ca } })
    const rows = await session.execute<{ ssl_enabled: boolean }>(
      'SELECT ssl_enabled FROM system_views.clients',
    )
    for (const row of rows) expect(row.ssl_enabled).toBe(true)
    await session.close()
    await expect(Session.connect([address])).rejects.toMatchObject({ code: 'TSYLLA_CONNECTION' })
    rmSync(folder, { recursive: true })
  })
})

describe('wrong passwords', () => {
  const of = (logins: FailedLogins, text: string): string => {
    try {
      logins.guard(Inet.parse(text)).check()
      return 'accepted'
    } catch (error) {
      return (error as Error).message
    }
  }

  test('are counted per address and minute; of IPv6 the network counts', async () => {
    db = await embedded()
    const clock = new VirtualClock()
    const logins = new FailedLogins(clock, 2)
    for (const text of ['10.0.0.1', '10.0.0.1', '2001:db8::1', '2001:db8::ffff', '10.0.0.2']) {
      logins.guard(Inet.parse(text)).failed()
    }
    expect(of(logins, '10.0.0.1')).toBe('Too many wrong passwords from 10.0.0.1: try again in 60 s')
    expect(of(logins, '10.0.0.2')).toBe('accepted')
    expect(of(logins, '2001:db8::2')).toContain('Too many')
    expect(of(logins, '2001:db8:0:1::2')).toBe('accepted')
    clock.advance(60_000)
    expect(of(logins, '10.0.0.1')).toBe('accepted')
  })

  test('a flood of addresses takes bounded memory: the oldest are forgotten', async () => {
    db = await embedded()
    const logins = new FailedLogins(new VirtualClock(), 1)
    const addressOf = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
    for (let i = 0; i < 20_000; i++) logins.guard(Inet.parse(addressOf(i))).failed()
    expect(of(logins, addressOf(0))).toBe('accepted')
    expect(of(logins, addressOf(19_999))).toContain('Too many')
  })
})
