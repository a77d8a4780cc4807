import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeCertificates } from '../../scripts/cassandra/certificates.ts'
import { parseCommand, usage } from '../../src/cli/arguments.ts'
import { serve } from '../../src/cli/serve.ts'
import { Session, version } from '../../src/index.ts'
import { bundle } from '../support/bundle.ts'
import { isDeno } from '../support/runtime.ts'

const main = bundle(new URL('../../src/cli/main.ts', import.meta.url))

function start(argv: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...argv], { stdio: 'pipe' })
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function ended(child: ChildProcess): Promise<Ended> {
  const texts = { out: '', err: '' }
  child.stdout!.on('data', (chunk) => (texts.out += String(chunk)))
  child.stderr!.on('data', (chunk) => (texts.err += String(chunk)))
  return new Promise((resolve) => {
    // Deno reports the signal that the process was sent instead of the code it ended with.
    child.once('close', (code) => resolve({ code: isDeno ? (code ?? 0) : code, ...texts }))
  })
}

/** Where a server says that it listens. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk) => {
      text += String(chunk)
      const address = /listens on (\S+),/.exec(text)?.[1]
      if (address !== undefined) resolve(address)
    })
    child.once('close', () => reject(new Error(`it ended: ${text}`)))
  })
}

describe('arguments', () => {
  test.each([
    [['serve'], { host: '127.0.0.1', port: 9042, path: undefined }],
    [['serve', '--listen', '0.0.0.0:9043', '--insecure'], { host: '0.0.0.0', port: 9043 }],
    [['serve', '--listen', '19078'], { host: '127.0.0.1', port: 19_078 }],
    [['serve', '--listen', '127.0.0.2:1'], { host: '127.0.0.2', login: undefined }],
    [
      ['serve', '--listen', '10.0.0.1:9042', '--user', 'ada', '--password-file', 'secret'],
      { host: '10.0.0.1', login: { user: 'ada', passwordFile: 'secret' } },
    ],
    [
      ['serve', '--tls-cert', 'c.pem', '--tls-key', 'k.pem'],
      { tls: { certFile: 'c.pem', keyFile: 'k.pem' } },
    ],
    [['serve', '--listen=localhost'], { host: 'localhost', port: 9042 }],
    [['serve', '--listen', ':0'], { host: '127.0.0.1', port: 0 }],
    [['serve', '--listen', '[::1]:9042', '--path', 'data'], { host: '::1', path: 'data' }],
  ])('%j is understood', (argv, command) => {
    expect(parseCommand(argv)).toMatchObject({ name: 'serve', ...command })
  })

  test.each([
    [[], 'A command is missing'],
    [['sing'], 'Unknown command "sing"'],
    [['serve', 'me'], 'Unexpected argument "me"'],
    [['serve', '--port', '1'], "Unknown option '--port'"],
    [['serve', '--path', ''], '--path needs a directory'],
    [['serve', '--listen', 'a:b'], '--listen is [HOST:]PORT, not "a:b"'],
    [['serve', '--listen', '127.0.0.1:70000'], '--listen is [HOST:]PORT, not "127.0.0.1:70000"'],
    [['serve', '--listen', '70000'], '--listen is [HOST:]PORT'],
    [['serve', '--listen', '0.0.0.0:9043'], 'Other machines can reach 0.0.0.0'],
    [['serve', '--listen', '[::]:9043'], 'Other machines can reach ::'],
    [['serve', '--listen', 'db.example:9043'], 'Other machines can reach db.example'],
    [['serve', '--user', 'ada'], '--user and --password-file go together'],
    [['serve', '--password-file', 'x'], '--user and --password-file go together'],
    [['serve', '--user', '', '--password-file', 'x'], 'cannot be empty'],
    [['serve', '--tls-key', 'x'], '--tls-cert and --tls-key go together'],
    [['serve', '--password', 'x'], "Unknown option '--password'"],
  ])('%j is refused', (argv, message) => {
    expect(() => parseCommand(argv)).toThrow(message)
  })
})

describe('tsylla', () => {
  test('prints its version and its usage', async () => {
    const [told, helped, wrong] = await Promise.all(
      [['--version'], ['--help'], ['sing']].map((argv) => ended(start(argv))),
    )
    expect(told).toMatchObject({ code: 0, out: `${version}\n` })
    expect(helped).toMatchObject({ code: 0, out: usage })
    expect(wrong).toMatchObject({ code: 2, out: '' })
    expect(wrong!.err).toContain('Unknown command "sing"')
  })

  test('serves a directory until it is told to stop, and keeps what was written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const argv = ['serve', '--listen', '127.0.0.1:0', '--path', folder]
    const options = { keyspace: 'k', createKeyspace: true }
    for (const [round, signal] of (['SIGTERM', 'SIGINT'] as const).entries()) {
      const child = start(argv)
      const end = ended(child)
      const session = await Session.connect([await listening(child)], options)
      await session.execute('CREATE TABLE IF NOT EXISTS t (p int PRIMARY KEY)')
      await session.execute('INSERT INTO t (p) VALUES (?)', [round])
      const { length } = await session.execute('SELECT p FROM t')
      expect(length).toBe(round + 1)
      const second = await ended(start(argv))
      expect(second).toMatchObject({ code: 1 })
      expect(second.err).toContain(`open in process ${child.pid}`)
      child.kill(signal)
      expect(await end).toMatchObject({ code: 0, err: '' })
      await session.close()
    }
    rmSync(folder, { recursive: true, force: true })
  })

  test('asks for the password in a file, over TLS, and prints neither', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
    const ca = readFileSync(makeCertificates(folder, ['IP:127.0.0.1']))
    const passwordFile = join(folder, 'password')
    writeFileSync(passwordFile, 'lovelace\n')
    const login = ['--user', 'ada', '--password-file', passwordFile]
    const tls = ['--tls-cert', join(folder, 'server.crt'), '--tls-key', join(folder, 'server.key')]
    const child = start(['serve', '--listen', ':0', ...login, ...tls])
    const end = ended(child)
    const address = await listening(child)
    const options = { tls: { ca }, user: 'ada' }
    const session = await Session.connect([address], { ...options, password: 'lovelace' })
    await session.close()
    await expect(
      Session.connect([address], { ...options, password: 'babbage' }),
    ).rejects.toMatchObject({ code: 'TSYLLA_AUTHENTICATION' })
    child.kill()
    const { code, out, err } = await end
    expect(code).toBe(0)
    expect(out + err).not.toContain('lovelace')
    const missing = await ended(start(['serve', '--user', 'ada', '--password-file', '/nowhere']))
    expect(missing.code).toBe(2)
    expect(missing.err).toContain('--password-file /nowhere cannot be read')
    rmSync(folder, { recursive: true, force: true })
  })

  test.skipIf(process.platform !== 'linux')('says why it cannot have its directory', async () => {
    const { code, err } = await ended(start(['serve', '--listen', ':0', '--path', '/proc/x/y']))
    expect([code, err]).toEqual([
      1,
      'tsylla: Cannot use /proc/x/y as a directory (TSYLLA_ENGINE_STORAGE)\n',
    ])
  })

  test('ends at once when it is told so while it starts', async () => {
    const lines: string[] = []
    const command = parseCommand(['serve', '--listen', ':0'])
    if (command.name !== 'serve') throw new Error('another command')
    const options = { ...command, stopped: Promise.resolve() }
    await serve({ ...options, print: (line) => lines.push(line) })
    expect(lines).toEqual([])
  })

  test('says why it cannot listen', async () => {
    const first = start(['serve', '--listen', ':0'])
    const address = await listening(first)
    const second = await ended(start(['serve', '--listen', address]))
    expect(second).toMatchObject({
      code: 1,
      err: `tsylla: Cannot listen on ${address}: the port is in use by another process (TSYLLA_CONFIG)\n`,
    })
    first.kill()
    await ended(first)
  })
})
