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

  test('time, randomness and scheduling are read in util alone', () => {
    const mayRead = new Set([
      'src/util/clock.ts',
      'src/util/random.ts',
      'src/util/runtime.ts',
      // Names of lock files, which other processes see.
      'src/engine/storage/path-lock.ts',
    ])
    const banned = new Set([
      ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'nextTick', 'hrtime'],
      ...['randomUUID', 'randomBytes', 'randomInt', 'getRandomValues'],
      ...['Date.now', 'Math.random', 'performance.now', 'performance'],
    ])
    const outside = sources.filter(({ path }) => !mayRead.has(path) && !path.startsWith('src/cli/'))
    const found = nodesOf(outside, (node) => {
      if (ts.isNewExpression(node)) {
        return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0
      }
      if (ts.isPropertyAccessExpression(node)) {
        const { name, expression } = node
        const owner = expression.getText()
        if (banned.has(`${owner}.${name.text}`)) return true
        return banned.has(name.text) && /^(globalThis|process|crypto|globalThis\..*)$/.test(owner)
      }
      if (!ts.isIdentifier(node) || !banned.has(node.text)) return false
      // A name by itself, or one that a module of Node is imported for.
      const { parent } = node
      if (ts.isImportSpecifier(parent) || ts.isBindingElement(parent)) return true
      return ts.isCallExpression(parent) && parent.expression === node
    })
    expect(found).toEqual([])
  })

  test('the runtime of the process is chosen in few places; all else is given one', () => {
    const mayChoose = [
      ...['src/util/', 'src/cli/', 'src/embedded/'],
      // Tools of tests, which are used without a session that has a runtime.
      ...['src/testing/', 'src/testing.ts'],
      // Defaults of constructors and options, and the identifiers that users make.
      ...['src/engine/storage/', 'src/session/options.ts', 'src/types/executor.ts'],
      ...['src/types/time-uuid.ts', 'src/types/uuid.ts', 'src/cloud/sigv4-auth-provider.ts'],
      // One generator of timestamps for all sessions of the process.
      'src/policies/timestamp-generator.ts',
    ]
    const outside = sources.filter(({ path }) => !mayChoose.some((one) => path.startsWith(one)))
    expect(matches(outside, /\bsystem(Runtime|Clock|Random)\b/)).toEqual([])
  })

  // `Uint8Array.from(bytes)` iterates, a hundred times slower, in a process in which anything has
  // changed the iterators of arrays, as polyfills do.
  test('bytes are copied by the constructor of Uint8Array', () => {
    const found = nodesOf(sources, (node) => {
      if (!ts.isCallExpression(node) || node.arguments.length !== 1) return false
      const isArray = ts.isArrayLiteralExpression(node.arguments[0]!)
      return node.expression.getText() === 'Uint8Array.from' && !isArray
    })
    expect(found).toEqual([])
  })

  test('only the command line and connection strings read the environment', () => {
    const inside = /^src\/(cli\/|session\/connection-string\.ts)/
    const outside = sources.filter((file) => !inside.test(file.path))
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

  test('no file contains the marks of a merge', () => {
    const mark = /^(<{7} |={7}$|>{7} )/
    const marked = everything.filter(({ lines }) => lines.some((line) => mark.test(line)))
    const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']
    const markedDocuments = documents.filter((path) =>
      /^[<>]{7} /m.test(readFileSync(path, 'utf8')),
    )
    expect([...marked.map(({ path }) => path), ...markedDocuments]).toEqual([])
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
    // The environment variable is no code.
    codes.delete('TSYLLA_URL')
    expect([...codes].filter((code) => !docs.includes(`\`${code}\``)).sort()).toEqual([])
  })

  test('nothing in the repository names a machine, a registry host or a workplace', () => {
    // Bracketed so that this line does not find itself.
    const pattern = new RegExp(['/(work)/', '(registry)\\.npmjs', '/(root)/'].join('|'))
    expect(matches(everything, pattern)).toEqual([])
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/)
  })
})
