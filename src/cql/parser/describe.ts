import type { DescribeStatement, DescribeTarget } from '../ast-schema.ts'
import { Kw, Token } from '../tokens.ts'
import type { TokenCursor } from './cursor.ts'
import { parseFunctionName } from './terms.ts'
import { parseUserTypeName } from './types.ts'

export function parseDescribe(c: TokenCursor): DescribeStatement {
  c.advance()
  const target = parseTarget(c)
  const internals = c.acceptAll(Kw.WITH, Kw.INTERNALS)
  return { kind: 'describe', target, internals }
}

const plurals: {
  readonly [kind: number]: 'keyspaces' | 'tables' | 'types' | 'functions' | 'aggregates' | 'cluster'
} = {
  [Kw.CLUSTER]: 'cluster',
  [Kw.KEYSPACES]: 'keyspaces',
  [Kw.TABLES]: 'tables',
  [Kw.TYPES]: 'types',
  [Kw.FUNCTIONS]: 'functions',
  [Kw.AGGREGATES]: 'aggregates',
}

function parseTarget(c: TokenCursor): DescribeTarget {
  const plural = plurals[c.kind]
  if (plural !== undefined && c.peek(1) !== Token.DOT) {
    c.advance()
    return { kind: plural }
  }
  if (isSchemaWord(c)) return parseSchemaTarget(c)
  if (c.kind === Kw.KEYSPACE || (c.kind === Kw.ONLY && c.peek(1) === Kw.KEYSPACE)) {
    const only = c.accept(Kw.ONLY)
    c.advance()
    const keyspace = c.isName() ? c.name() : undefined
    return { kind: 'keyspace', only, keyspace }
  }
  return parseNamedTarget(c)
}

/** SCHEMA is a synonym of KEYSPACE everywhere but in `DESCRIBE [FULL] SCHEMA`. */
function isSchemaWord(c: TokenCursor): boolean {
  if (c.kind === Kw.FULL) return true
  return c.kind === Kw.KEYSPACE && c.tokenText().toLowerCase() === 'schema'
}

function parseSchemaTarget(c: TokenCursor): DescribeTarget {
  const full = c.accept(Kw.FULL)
  if (!isSchemaWord(c)) throw c.unexpected('SCHEMA')
  c.advance()
  return { kind: 'schema', full }
}

function parseNamedTarget(c: TokenCursor): DescribeTarget {
  if (c.peek(1) !== Token.END && c.peek(1) !== Token.DOT && c.peek(1) !== Token.SEMICOLON) {
    switch (c.kind) {
      case Kw.COLUMNFAMILY:
        c.advance()
        return { kind: 'table', name: c.qualifiedName() }
      case Kw.INDEX:
        c.advance()
        return { kind: 'index', name: c.qualifiedName('index') }
      case Kw.MATERIALIZED:
        c.advance()
        c.expect(Kw.VIEW)
        return { kind: 'view', name: c.qualifiedName() }
      case Kw.TYPE:
        c.advance()
        return { kind: 'type', name: parseUserTypeName(c) }
      case Kw.FUNCTION:
      case Kw.AGGREGATE: {
        const kind = c.kind === Kw.FUNCTION ? 'function' : 'aggregate'
        c.advance()
        return { kind, name: parseFunctionName(c) }
      }
    }
  }
  return { kind: 'generic', name: c.qualifiedName() }
}
