import type { DescribeStatement, DescribeTarget } from '../ast-schema.ts'
import { Kw, Token } from '../tokens.ts'
import type { TokenCursor } from './cursor.ts'
import { parseFunctionName } from './terms.ts'
import { parseUserTypeName } from './types.ts'

export function parseDescribe(cursor: TokenCursor): DescribeStatement {
  cursor.advance()
  const target = parseTarget(cursor)
  const internals = cursor.acceptAll(Kw.WITH, Kw.INTERNALS)
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

function parseTarget(cursor: TokenCursor): DescribeTarget {
  const plural = plurals[cursor.kind]
  if (plural !== undefined && cursor.peek(1) !== Token.DOT) {
    cursor.advance()
    return { kind: plural }
  }
  if (isSchemaWord(cursor)) return parseSchemaTarget(cursor)
  if (cursor.kind === Kw.KEYSPACE || (cursor.kind === Kw.ONLY && cursor.peek(1) === Kw.KEYSPACE)) {
    const only = cursor.accept(Kw.ONLY)
    cursor.advance()
    const keyspace = cursor.isName() ? cursor.name() : undefined
    return { kind: 'keyspace', only, keyspace }
  }
  return parseNamedTarget(cursor)
}

/** SCHEMA is a synonym of KEYSPACE everywhere but in `DESCRIBE [FULL] SCHEMA`. */
function isSchemaWord(cursor: TokenCursor): boolean {
  if (cursor.kind === Kw.FULL) return true
  return cursor.kind === Kw.KEYSPACE && cursor.tokenText().toLowerCase() === 'schema'
}

function parseSchemaTarget(cursor: TokenCursor): DescribeTarget {
  const full = cursor.accept(Kw.FULL)
  if (!isSchemaWord(cursor)) throw cursor.unexpected('SCHEMA')
  cursor.advance()
  return { kind: 'schema', full }
}

function parseNamedTarget(cursor: TokenCursor): DescribeTarget {
  if (
    cursor.peek(1) !== Token.END &&
    cursor.peek(1) !== Token.DOT &&
    cursor.peek(1) !== Token.SEMICOLON
  ) {
    switch (cursor.kind) {
      case Kw.COLUMNFAMILY:
        cursor.advance()
        return { kind: 'table', name: cursor.qualifiedName() }
      case Kw.INDEX:
        cursor.advance()
        return { kind: 'index', name: cursor.qualifiedName('index') }
      case Kw.MATERIALIZED:
        cursor.advance()
        cursor.expect(Kw.VIEW)
        return { kind: 'view', name: cursor.qualifiedName() }
      case Kw.TYPE:
        cursor.advance()
        return { kind: 'type', name: parseUserTypeName(cursor) }
      case Kw.FUNCTION:
      case Kw.AGGREGATE: {
        const kind = cursor.kind === Kw.FUNCTION ? 'function' : 'aggregate'
        cursor.advance()
        return { kind, name: parseFunctionName(cursor) }
      }
    }
  }
  return { kind: 'generic', name: cursor.qualifiedName() }
}
