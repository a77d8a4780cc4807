import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { root, type SourceFile, sourceFiles } from './source.ts'

const sources = sourceFiles('src')
const everything = ['src', 'test', 'scripts', 'bench', 'examples']
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap(sourceFiles)

const fileLinesMax = 600
const functionLinesMax = 70
const lineLengthMax = 100

function matches(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    file.lines.flatMap((line, i) =>
      pattern.test(line) ? [`${file.path}:${i + 1} ${line.trim()}`] : [],
    ),
  )
}

function visitNodes(file: SourceFile, visit: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    visit(node)
    ts.forEachChild(node, walk)
  }
  walk(file.ast)
}

function lineOf(file: SourceFile, position: number): number {
  return file.ast.getLineAndCharacterOfPosition(position).line + 1
}

describe('style', () => {
  test(`no source file has more than ${fileLinesMax} lines`, () => {
    const long = everything.filter((file) => file.lines.length > fileLinesMax + 1)
    expect(long.map((file) => `${file.path}: ${file.lines.length}`)).toEqual([])
  })

  test(`no function of src has more than ${functionLinesMax} lines`, () => {
    const long: string[] = []
    for (const file of sources) {
      visitNodes(file, (node) => {
        if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
        const length = lineOf(file, node.end) - lineOf(file, node.getStart()) + 1
        if (length > functionLinesMax) {
          long.push(`${file.path}:${lineOf(file, node.getStart())} ${length} lines`)
        }
      })
    }
    expect(long).toEqual([])
  })

  test(`no line has more than ${lineLengthMax} characters, but for strings that cannot break`, () => {
    const long = everything.flatMap((file) =>
      file.lines.flatMap((line, i) =>
        line.length > lineLengthMax && !/['"`/]/.test(line) ? [`${file.path}:${i + 1}`] : [],
      ),
    )
    expect(long).toEqual([])
  })

  test('src has no any', () => {
    const found: string[] = []
    for (const file of sources) {
      visitNodes(file, (node) => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          found.push(`${file.path}:${lineOf(file, node.getStart())}`)
        }
      })
    }
    expect(found).toEqual([])
  })

  test('src silences neither the compiler nor coverage, and lint only with a reason', () => {
    expect(matches(sources, /@ts-(expect-error|ignore|nocheck)|\b(c8|v8|istanbul) ignore/)).toEqual(
      [],
    )
    const silenced = matches(everything, /(oxlint|eslint)-disable/)
    expect(silenced.filter((line) => !/-- \S/.test(line))).toEqual([])
  })

  test('time, chance and timers come from util alone', () => {
    const outside = sources.filter(
      (file) => !/^src\/(util\/(clock|random)\.ts|cli\/)/.test(file.path),
    )
    const banned = /\b(Date\.now|Math\.random|performance\.now|setTimeout|setInterval)\(/
    expect(matches(outside, banned).filter((line) => !/ \*|\/\//.test(line))).toEqual([])
  })

  test('only the command line reads the environment', () => {
    const outside = sources.filter((file) => !file.path.startsWith('src/cli/'))
    expect(matches(outside, /process\.env/)).toEqual([])
  })

  test('nothing is left to do without an issue that says so', () => {
    // Spelled apart so that this line does not find itself.
    const words = ['TO_DO', 'FIX_ME', 'X_XX'].map((word) => word.replace('_', ''))
    const marker = new RegExp(`\\b(${words.join('|')})\\b(?!.*#\\d+)`)
    expect(matches(everything, marker)).toEqual([])
  })

  test('every file of the protocol names the section of the specification it implements', () => {
    const without = sources
      .filter((file) => file.path.startsWith('src/protocol/') && !file.path.endsWith('index.ts'))
      .filter((file) => !/§|native_protocol/.test(file.text))
    expect(without.map((file) => file.path)).toEqual([])
  })

  test('every error code is documented in docs/errors.md', () => {
    const docs = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const codes = new Set(
      sources
        .filter((file) => file.path.startsWith('src/'))
        .flatMap((file) =>
          [...file.text.matchAll(/'(TSYLLA_[A-Z_]+)'/g)].map((match) => match[1]!),
        ),
    )
    expect([...codes].filter((code) => !docs.includes(`\`${code}\``)).sort()).toEqual([])
  })

  test('nothing in the repository names a machine, a registry host or a workplace', () => {
    // Bracketed so that this line does not find itself.
    const pattern = new RegExp(['/(work)/', '(registry)\\.npmjs', '/(root)/'].join('|'))
    expect(matches(everything, pattern)).toEqual([])
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/)
  })
})
