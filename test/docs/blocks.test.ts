import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Inside the repository, so that blocks import the built package by its name. */
const folder = join(root, '.docs-test')
const run = promisify(execFile)

interface Block {
  readonly name: string
  readonly language: string
  readonly code: string
}

function blocksOf(path: string): Block[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length
    return { name: `${path}:${line}`, language: match[1]!, code: match[2]! }
  })
}

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...['docs', 'docs/decisions'].flatMap((path) =>
    readdirSync(join(root, path))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${path}/${name}`),
  ),
]
const blocks = documents.flatMap(blocksOf)

/** Commands that CI runs in a clean clone, word for word. */
const commandsOfCi = ['npm ci && npm run demo', 'npm ci && npm test']

describe('documents', () => {
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('every block is in a language that is run', () => {
    expect(blocks.length).toBeGreaterThan(5)
    const languages = ['ts', 'sh', 'mermaid']
    expect(blocks.filter(({ language }) => !languages.includes(language))).toEqual([])
  })

  const programs = blocks
    .filter(({ language }) => language === 'ts')
    .map((block) => ({ ...block, file: join(folder, `${block.name.replaceAll(/\W/g, '-')}.mts`) }))

  beforeAll(() => {
    mkdirSync(folder, { recursive: true })
    for (const { file, code } of programs) writeFileSync(file, code)
    const compilerOptions = { isolatedDeclarations: false, declaration: false }
    const files = programs.map(({ file }) => file)
    // Blocks on adapters use frameworks, whose types name types of browsers.
    const config = {
      extends: '../test/adapters/tsconfig.json',
      compilerOptions,
      include: [],
      files,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  })

  test('the types of all blocks are right', { timeout: 60_000 }, async () => {
    const compiler = join(root, 'node_modules/typescript-7/bin/tsc')
    const failed = await run(process.execPath, [compiler, '-p', folder], { cwd: root }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    )
    expect(failed).toBe('')
  })

  for (const { name, file, code } of programs) {
    test(`${name} runs`, { timeout: 60_000 }, async () => {
      const script = file.replace(/\.mts$/, '.mjs')
      writeFileSync(script, (await transform(code, { loader: 'ts', target: 'node20' })).code)
      await run(process.execPath, [script], { cwd: root })
    })
  }

  test('the demo of the README runs', { timeout: 60_000 }, async () => {
    const demo = join(root, 'examples/real-world-patterns.ts')
    const { stdout } = await run(process.execPath, ['--import', 'tsx', demo], { cwd: root })
    expect(stdout).toContain('10 admitted')
    expect(stdout.match(/^─+$/gm)).toHaveLength(7)
  })

  const examples = readdirSync(join(root, 'examples/adapters'))
  test.each(examples)('the example of the adapter runs: %s', { timeout: 60_000 }, async (name) => {
    const file = join(root, 'examples/adapters', name)
    const { stdout } = await run(process.execPath, ['--import', 'tsx', file], { cwd: root })
    expect(stdout).not.toBe('')
  })

  test('every shell line is a command that CI runs', () => {
    const lines = blocks
      .filter(({ language }) => language === 'sh')
      .flatMap(({ code }) => code.trim().split('\n'))
    expect(lines.filter((line) => !commandsOfCi.includes(line))).toEqual([])
  })

  test('diagrams name folders and files of src that exist', () => {
    const named = blocks
      .filter(({ language }) => language === 'mermaid')
      .flatMap(({ name, code }) =>
        [
          ...code
            .replaceAll(/<[^>]*>/g, ' ')
            .matchAll(/\b[a-z][\w-]*(?:\/[\w-]+)*(?:\/|\.ts)(?![\w/])/g),
        ].map(([path]) => ({
          name,
          path,
        })),
      )
    const missing = named.filter(({ path }) => !existsAt(join(root, 'src', path)))
    expect(missing).toEqual([])
  })

  test('every link between documents names a file that exists', () => {
    const broken = documents.flatMap((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => join(root, dirname(path), match[1]!))
        .filter((target) => {
          try {
            readdirSync(dirname(target))
            return !existsAt(target)
          } catch {
            return true
          }
        })
        .map((target) => `${path} → ${target}`)
    })
    expect(broken).toEqual([])
  })
})

function existsAt(target: string): boolean {
  try {
    readFileSync(target)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EISDIR'
  }
}
