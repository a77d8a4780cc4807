import type { ColumnSpec, MarkerFacts } from '../types/index.ts'

/** A bind marker with the keys an object of values may give its value by. */
export interface MarkerKeys {
  /** The server's name of the marker. */
  readonly serverName: string
  /** Keys of this marker, and of other slots of the same `:name`. */
  readonly own: readonly string[]
  /**
   * Keys shared with the other `?` of `group`: one of them may be given by such a key when each of
   * the others has a key of its own.
   */
  readonly shared: readonly string[]
  /** Number of the group of `?` that share keys; −1 without one. */
  readonly group: number
}

/** Cassandra's names of markers that stand for no column, and their short forms. */
const aliasOfPseudo: ReadonlyMap<string, string> = new Map([
  ['[ttl]', 'ttl'],
  ['[timestamp]', 'timestamp'],
  ['[limit]', 'limit'],
  ['[json]', 'json'],
  ['[per_partition_limit]', 'perPartitionLimit'],
])

const lowerSuffixes = ['_start', '_from', '_min', '_after', '_gt', '_gte']
const upperSuffixes = ['_end', '_to', '_max', '_before', '_until', '_lt', '_lte']
const setSuffixes = ['_new', '_set']
const ifSuffixes = ['_old', '_if']

function aliasOf(serverName: string): string | undefined {
  return aliasOfPseudo.get(serverName) ?? /^in\((.+)\)$/i.exec(serverName)?.[1]
}

/**
 * The facts that belong to the markers a server described, or `undefined` when they do not fit.
 * Some servers describe a `:name` used twice once.
 */
export function alignFacts(
  markers: readonly ColumnSpec[],
  facts: readonly MarkerFacts[] | undefined,
): readonly MarkerFacts[] | undefined {
  if (facts === undefined || facts.length === markers.length) return facts
  const seen = new Set<string>()
  const distinct = facts.filter((fact) => {
    if (fact.name === undefined) return true
    const name = fact.isQuoted ? fact.name : fact.name.toLowerCase()
    if (seen.has(name)) return false
    seen.add(name)
    return true
  })
  return distinct.length === markers.length ? distinct : undefined
}

/** Which keys each marker answers to. */
export function markerKeysOf(
  markers: readonly ColumnSpec[],
  facts: readonly MarkerFacts[] | undefined,
): MarkerKeys[] {
  const names = exactNames(markers, facts)
  const claimed = new Set(names.flatMap((list) => [...list]))
  const aliases = markers.map(({ name }) => {
    const alias = aliasOf(name)
    return alias === undefined || claimed.has(alias) ? undefined : alias
  })
  for (const alias of aliases) if (alias !== undefined) claimed.add(alias)
  const suffixed = suffixKeys(markers, facts, aliases, claimed)
  const groupOfName = new Map<string, number>()
  const namedOnServer = namesOfNamed(markers, facts)
  const countOfName = new Map<string, number>()
  for (const { name } of markers) countOfName.set(name, (countOfName.get(name) ?? 0) + 1)
  return markers.map(({ name: serverName }, i) => {
    const isNamed = facts?.[i]?.name !== undefined
    const bare = [...names[i]!]
    if (aliases[i] !== undefined) bare.push(aliases[i])
    if (isNamed) return { serverName, own: bare, shared: [], group: -1 }
    if (namedOnServer.has(serverName))
      return { serverName, own: suffixed[i]!, shared: [], group: -1 }
    if (countOfName.get(serverName) === 1)
      return { serverName, own: [...bare, ...suffixed[i]!], shared: [], group: -1 }
    const group = groupOfName.get(serverName) ?? groupOfName.size
    groupOfName.set(serverName, group)
    return { serverName, own: suffixed[i]!, shared: bare, group }
  })
}

/** Names on the server of the markers that have a name in the text. */
function namesOfNamed(
  markers: readonly ColumnSpec[],
  facts: readonly MarkerFacts[] | undefined,
): ReadonlySet<string> {
  const named = markers.filter((_marker, i) => facts?.[i]?.name !== undefined)
  return new Set(named.map(({ name }) => name))
}

/** Step 1: the server's name; for `:name` also every spelling of its slots in the text. */
function exactNames(
  markers: readonly ColumnSpec[],
  facts: readonly MarkerFacts[] | undefined,
): Set<string>[] {
  const spellings = new Map<string, Set<string>>()
  for (const [i, { name }] of markers.entries()) {
    const spelling = facts?.[i]?.name
    if (spelling === undefined) continue
    const known = spellings.get(name) ?? new Set<string>()
    spellings.set(name, known.add(spelling))
  }
  return markers.map(({ name }, i) => {
    const isNamed = facts?.[i]?.name !== undefined
    return new Set([...(isNamed ? spellings.get(name)! : []), name])
  })
}

/** Step 3: the suffixes that distinguish several `?` of one column. */
function suffixKeys(
  markers: readonly ColumnSpec[],
  facts: readonly MarkerFacts[] | undefined,
  aliases: readonly (string | undefined)[],
  claimed: ReadonlySet<string>,
): string[][] {
  const membersOf = new Map<string, number[]>()
  const keys: string[][] = markers.map(() => [])
  for (const [i, { name }] of markers.entries()) {
    if (facts?.[i]?.name !== undefined) continue
    const root = facts?.[i]?.column ?? aliases[i] ?? name
    const members = membersOf.get(root)
    if (members === undefined) membersOf.set(root, [i])
    else members.push(i)
  }
  const namedOnServer = namesOfNamed(markers, facts)
  for (const [root, members] of membersOf) {
    if (members.length < 2 && !namedOnServer.has(root)) continue
    const candidates = members.map((member, order) =>
      [...placeSuffixes(facts?.[member]), `_${order + 1}`].map((suffix) => root + suffix),
    )
    const memberCounts = new Map<string, number>()
    for (const key of candidates.flatMap((each) => [...new Set(each)])) {
      memberCounts.set(key, (memberCounts.get(key) ?? 0) + 1)
    }
    for (const [order, member] of members.entries()) {
      keys[member] = candidates[order]!.filter(
        (key) => !claimed.has(key) && memberCounts.get(key) === 1,
      )
    }
  }
  return keys
}

function placeSuffixes(fact: MarkerFacts | undefined): readonly string[] {
  if (fact === undefined) return []
  const suffixes: string[] = []
  if (fact.operator === '>' || fact.operator === '>=') suffixes.push(...lowerSuffixes)
  if (fact.operator === '<' || fact.operator === '<=') suffixes.push(...upperSuffixes)
  if (fact.clause === 'set') suffixes.push(...setSuffixes)
  if (fact.clause === 'if') suffixes.push(...ifSuffixes)
  return suffixes
}

/** The markers with the keys they accept, for messages. */
export function describeKeys(markers: readonly ColumnSpec[], keys: readonly MarkerKeys[]): string {
  const quote = (list: readonly string[]): string => list.map((k) => JSON.stringify(k)).join(' | ')
  const lines = keys.map((key, i) => {
    const accepted = [...key.own, ...key.shared]
    return `${i + 1}. ${markers[i]!.name}: ${quote(accepted)}`
  })
  return (
    `The markers and the keys they accept are: ${lines.join('; ')}. ` +
    'Writing :name instead of ? in the statement lets every marker be given by that name.'
  )
}
