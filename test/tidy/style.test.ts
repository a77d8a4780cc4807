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

/** Where nodes are that should not be. */
function nodesOf(files: readonly SourceFile[], isFound: (node: ts.Node) => boolean): string[] {
  const found: string[] = []
  for (const file of files) {
    visitNodes(file, (node) => {
      if (isFound(node)) found.push(`${file.path}:${lineOf(file, node.getStart())}`)
    })
  }
  return found
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

  test(`no line has more than ${lineLengthMax} characters, but for texts that cannot break`, () => {
    const texts = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`?|\/(?:[^/\\]|\\.)+\/|https?:\S+/g
    const isComment = /^\s*(\/\/|\/?\*)/
    const long = everything.flatMap((file) =>
      file.lines.flatMap((line, i) => {
        const rest = isComment.test(line) ? line.replace(/https?:\S+/, '') : line.replace(texts, '')
        return line.length > lineLengthMax && (isComment.test(line) || rest.length > lineLengthMax)
          ? [`${file.path}:${i + 1}`]
          : []
      }),
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
      (file) => !/^src\/(util\/(clock|random|runtime)\.ts|cli\/)/.test(file.path),
    )
    const banned =
      /^(globalThis\.)?(Date\.now|Math\.random|performance\.now|setTimeout|setInterval)$/
    const found = nodesOf(outside, (node) => {
      if (ts.isNewExpression(node)) {
        return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0
      }
      return ts.isCallExpression(node) && banned.test(node.expression.getText())
    })
    expect(found).toEqual([])
  })

  test('the scheduler and identifiers come from the runtime, wherever one is passed', () => {
    // Identifiers of users come from types, those of patterns from the caller's process.
    const outside = sources.filter(
      (file) => !/^src\/(util\/runtime\.ts|types\/|patterns\/|cli\/)/.test(file.path),
    )
    const banned =
      /^(globalThis\.|process\.|crypto\.)*(setImmediate|queueMicrotask|nextTick|randomUUID|getRandomValues|Uuid\.random)$/
    const found = nodesOf(
      outside,
      (node) => ts.isCallExpression(node) && banned.test(node.expression.getText()),
    )
    expect(found).toEqual([])
  })

  test('only the command line reads the environment', () => {
    const outside = sources.filter((file) => !file.path.startsWith('src/cli/'))
    const found = nodesOf(outside, (node) => {
      if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name)) {
        const isProcess = node.initializer?.getText() === 'process'
        return isProcess && /\benv\b/.test(node.name.getText())
      }
      return /^process(\.env|\[['"`]env['"`]\])$/.test(node.getText())
    })
    expect(found).toEqual([])
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
    const codes = new Set<string>()
    for (const file of sources) {
      visitNodes(file, (node) => {
        if (ts.isStringLiteralLike(node) && /^TSYLLA_[A-Z_]+$/.test(node.text)) codes.add(node.text)
      })
    }
    expect(codes.size).toBeGreaterThan(50)
    expect([...codes].filter((code) => !docs.includes(`\`${code}\``)).sort()).toEqual([])
  })

  test('nothing in the repository names a machine, a registry host or a workplace', () => {
    // Bracketed so that this line does not find itself.
    const pattern = new RegExp(['/(work)/', '(registry)\\.npmjs', '/(root)/'].join('|'))
    expect(matches(everything, pattern)).toEqual([])
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/)
  })
})
