import { ConfigError } from '../errors/index.ts'
import { Statement, type TypedStatement, type UnknownColumns } from '../types/index.ts'
import { shareAcrossBuilds } from '../util/index.ts'
import { quoteIdentifier } from './identifiers.ts'

/** A piece of CQL text with its values, made by the `cql` tag, `cql.id` or `cql.unsafe`. */
export class CqlFragment {
  static {
    shareAcrossBuilds(this, 'CqlFragment')
  }

  readonly text: string
  readonly values: readonly unknown[]
  constructor(text: string, values: readonly unknown[] = []) {
    this.text = text
    this.values = values
  }
}

/** A statement that can also be a part of another one. */
export interface CqlTag {
  /**
   * `` cql<User>`… ${value} …` ``: every value becomes a `?`, fragments and statements become text.
   * The type argument declares the columns of the rows.
   */
  <Columns = UnknownColumns>(
    strings: TemplateStringsArray,
    ...values: readonly unknown[]
  ): TypedStatement<Columns>
  /** Identifiers, quoted where needed: `cql.id('t')`; `cql.id('ks', 't')` is `ks.t`. */
  id(...names: readonly string[]): CqlFragment
  /** A piece of a statement: `` cql.fragment`WHERE a = ${a}` `` */
  fragment(strings: TemplateStringsArray, ...values: readonly unknown[]): CqlFragment
  /** Text that is inserted unchanged. Never pass untrusted input. */
  unsafe(text: string): CqlFragment
  /** Joins fragments with a separator. */
  join(parts: readonly CqlFragment[], separator?: string): CqlFragment
}

/** Text by call site, for calls whose values are all plain ones: the common case. */
const textCache: WeakMap<TemplateStringsArray, string> = new WeakMap()

function isFragment(value: unknown): value is CqlFragment | Statement {
  return value instanceof CqlFragment || value instanceof Statement
}

function build(
  strings: TemplateStringsArray,
  values: readonly unknown[],
): { text: string; values: readonly unknown[] } {
  if (!values.some(isFragment)) {
    let text = textCache.get(strings)
    if (text === undefined) {
      for (let i = 0; i < values.length; i++) checkPlace(strings[i]!)
      text = strings.join('?')
      textCache.set(strings, text)
    }
    return { text, values }
  }
  let text = strings[0]!
  const flat: unknown[] = []
  values.forEach((value, index) => {
    if (isFragment(value)) {
      text += value.text
      flat.push(...positionalValues(value))
    } else {
      checkPlace(text)
      text += '?'
      flat.push(value)
    }
    text += strings[index + 1]!
  })
  return { text, values: flat }
}

/** What is followed by a name, never by a value. */
const beforeName =
  /\b(?:from|into|update|truncate|use|table|keyspace|type|view|index)(?:\s+if\s+(?:not\s+)?exists)?\s+$/i

/** @throws ConfigError when a name has to follow the text */
function checkPlace(text: string): void {
  const keyword = beforeName.exec(text)?.[0]
  if (keyword === undefined) return
  throw new ConfigError(
    `cql: a name follows ${keyword.trim()}, which cannot be bound as a value: \${cql.id(name)}`,
  )
}

function positionalValues(part: CqlFragment | Statement): readonly unknown[] {
  const values = part.values ?? []
  if (!Array.isArray(values)) {
    throw new ConfigError('A statement with values by name cannot be a part of a cql`…` text')
  }
  return values as readonly unknown[]
}

function tag<Columns = UnknownColumns>(
  strings: TemplateStringsArray,
  ...values: readonly unknown[]
): TypedStatement<Columns> {
  const built = build(strings, values)
  return new Statement(built.text, built.values) as TypedStatement<Columns>
}

/** Builds statements from template literals: values are bound, never spliced into the text. */
export const cql: CqlTag = Object.assign(tag, {
  id(...names: readonly string[]): CqlFragment {
    if (names.length === 0) throw new ConfigError('cql.id: at least one name is needed')
    return new CqlFragment(names.map(quoteIdentifier).join('.'))
  },
  fragment(strings: TemplateStringsArray, ...values: readonly unknown[]): CqlFragment {
    const built = build(strings, values)
    return new CqlFragment(built.text, built.values)
  },
  unsafe(text: string): CqlFragment {
    return new CqlFragment(text)
  },
  join(parts: readonly CqlFragment[], separator = ', '): CqlFragment {
    const values = parts.flatMap((part) => part.values)
    return new CqlFragment(parts.map((part) => part.text).join(separator), values)
  },
})
