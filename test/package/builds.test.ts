import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const require = createRequire(import.meta.url)

interface Core {
  readonly SessionBuilder: new () => {
    knownNode(point: unknown): { build(): Promise<{ close(): Promise<void> }> }
  }
  readonly TsyllaError: { is(value: unknown): boolean }
  readonly ConfigError: new (message: string) => Error
}
interface TestSession {
  execute(cql: string): Promise<{ rows(): unknown[] }>
  close(): Promise<void>
}
interface Patterns {
  readonly DatabaseManager: { instance(): object }
}
interface Embedded {
  embedded(): Promise<{ close(): Promise<void> }>
}

const esm = {
  core: (await import('tsylla')) as Core,
  patterns: (await import('tsylla/patterns')) as Patterns,
  embedded: (await import('tsylla/embedded')) as Embedded,
}
const cjs = {
  core: require('tsylla') as Core,
  patterns: require('tsylla/patterns') as Patterns,
  embedded: require('tsylla/embedded') as Embedded,
}

describe('the ESM and the CJS build in one process', () => {
  test('are two copies that know each other’s errors', () => {
    expect(esm.core.ConfigError).not.toBe(cjs.core.ConfigError)
    expect(cjs.core.TsyllaError.is(new esm.core.ConfigError('x'))).toBe(true)
    expect(esm.core.TsyllaError.is(new cjs.core.ConfigError('x'))).toBe(true)
    expect(esm.core.TsyllaError.is(new Error('x'))).toBe(false)
  })

  test('share the database managers', () => {
    expect(esm.patterns.DatabaseManager.instance()).toBe(cjs.patterns.DatabaseManager.instance())
  })

  test('take each other’s embedded databases as contact points', async () => {
    const db = await esm.embedded.embedded()
    const session = await new cjs.core.SessionBuilder().knownNode(db).build()
    await session.close()
    await db.close()
  })
})

describe('one path and two builds', () => {
  test('share the engine: what one writes the other reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tsylla-builds-'))
    const open = async (core: Core): Promise<TestSession> =>
      (await new core.SessionBuilder().knownNode(`embedded:${folder}`).build()) as TestSession
    try {
      const [first, second] = [await open(esm.core), await open(cjs.core)]
      await first.execute(
        `CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      )
      await first.execute('CREATE TABLE k.t (id int PRIMARY KEY)')
      await first.execute('INSERT INTO k.t (id) VALUES (7)')
      await first.close()
      expect((await second.execute('SELECT id FROM k.t')).rows()).toMatchObject([{ id: 7 }])
      await second.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the package', () => {
  test('holds what it should and nothing else', () => {
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], {
      cwd: root,
      encoding: 'utf8',
    })
    const [pack] = JSON.parse(listed) as [{ files: { path: string }[]; unpackedSize: number }]
    const others = pack.files
      .map(({ path }) => path)
      .filter((path) => !/^dist\/[\w.-]+\.(mjs|cjs|d\.mts|d\.cts)$/.test(path))
    expect(others.sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'].sort(),
    )
    expect(pack.unpackedSize).toBeLessThan(3_000_000)
  })

  test('has one dependency and no install script', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      scripts: Record<string, string>
      version: string
    }
    expect(Object.keys(manifest.dependencies)).toEqual(['sorted-btree'])
    expect(Object.keys(manifest.scripts).filter((name) => /install|prepare/.test(name))).toEqual([])
    const version = readFileSync(join(root, 'src/session/version.ts'), 'utf8')
    expect(version).toContain(`'${manifest.version}'`)
  })

  test('the command line answers --version and --help', () => {
    const cli = join(root, 'dist/cli.mjs')
    expect(execFileSync(process.execPath, [cli, '--version'], { encoding: 'utf8' })).toMatch(
      /\d+\.\d+\.\d+/,
    )
    expect(execFileSync(process.execPath, [cli, '--help'], { encoding: 'utf8' })).toMatch(/serve/)
  })
})
