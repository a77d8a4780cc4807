import type { Dice } from './dice.ts'
import { constantOf, elementsOf, type RandomColumn, type RandomTable } from './tables.ts'
import { sliceOf } from './writes.ts'

export interface RandomRead {
  readonly text: string
  readonly pageSize: number | undefined
}

export function randomRead(dice: Dice, table: RandomTable): RandomRead {
  const pageSize = dice.chance(0.4) ? dice.integer(1, 5) : undefined
  return {
    text: dice.chance(0.08) ? randomDistinct(dice, table) : randomSelect(dice, table),
    pageSize,
  }
}

function randomDistinct(dice: Dice, table: RandomTable): string {
  const columns = [...table.partition, ...dice.some(table.statics, 0)]
  const where = dice.pick(['', '', wherePartition(dice, table), whereToken(dice, table)])
  const limit = dice.chance(0.3) ? ` LIMIT ${dice.integer(1, 4)}` : ''
  const names = columns.map(({ name }) => name).join(', ')
  return `SELECT DISTINCT ${names} FROM ${table.name}${where === '' ? '' : ` WHERE ${where}`}${limit}`
}

function randomSelect(dice: Dice, table: RandomTable): string {
  const relations: string[] = []
  const byKey = dice.chance(0.65)
  if (byKey) relations.push(wherePartition(dice, table))
  else if (dice.chance(0.3)) relations.push(whereToken(dice, table))
  if (table.clustering.length > 0 && dice.chance(byKey ? 0.6 : 0.15)) {
    relations.push(...whereClustering(dice, table))
  }
  const filtered = dice.chance(0.2) ? [...dice.some(table.columns, 1, 2)] : []
  relations.push(...filtered.map((column) => filter(dice, column)))
  const parts = [`SELECT ${selection(dice, table)} FROM ${table.name}`]
  if (relations.length > 0) parts.push(`WHERE ${relations.join(' AND ')}`)
  // Where a partition is one row, Cassandra loses count of the groups of a page.
  if (dice.chance(0.1) && table.clustering.length > 0) parts.push(groupBy(dice, table))
  if (dice.chance(byKey ? 0.35 : 0.03) && table.clustering.length > 0) {
    parts.push(orderBy(dice, table))
  }
  if (dice.chance(0.15)) parts.push(`PER PARTITION LIMIT ${dice.integer(1, 3)}`)
  if (dice.chance(0.25)) parts.push(`LIMIT ${dice.integer(1, 6)}`)
  const needsFiltering = filtered.length > 0 || !byKey
  if (dice.chance(needsFiltering ? 0.85 : 0.05)) parts.push('ALLOW FILTERING')
  return parts.join(' ')
}

function selection(dice: Dice, table: RandomTable): string {
  const way = dice.integer(1, 10)
  if (way <= 4) return '*'
  if (way === 5) {
    return Array.from({ length: dice.integer(1, 3) }, () => aggregate(dice, table)).join(', ')
  }
  return dice
    .some(table.columns, 1)
    .map((column) => selector(dice, table, column))
    .join(', ')
}

function aggregate(dice: Dice, table: RandomTable): string {
  const { name, type } = dice.pick(table.columns)
  const isNumber = ['int', 'bigint', 'smallint', 'tinyint', 'varint', 'decimal', 'double'].includes(
    type,
  )
  // Cassandra says that the smallest timeuuid is of a class of its own.
  const isOrdered = type !== 'timeuuid'
  return dice.pick([
    'count(*)',
    `count(${name})`,
    ...(isOrdered ? [`min(${name})`, `max(${name})`] : []),
    ...(isNumber ? [`sum(${name})`, `avg(${name})`] : []),
  ])
}

function selector(dice: Dice, table: RandomTable, { name, type, kind }: RandomColumn): string {
  if (kind === 'partition' || kind === 'clustering' || dice.chance(0.5)) return name
  // When a conditional statement writes is not for us to say.
  if (table.hasConditions) return name
  const elements = elementsOf(type)
  const choices = [`writetime(${name})`]
  if (type === 'u' || elements !== undefined) choices.push(`maxwritetime(${name})`)
  if (type === 'u' || type === 'frozen<u>') choices.push(`${name}.x`, `${name}.y`)
  if (elements !== undefined && elements.kind !== 'list') {
    const key = constantOf(dice, elements.keys)
    choices.push(`${name}[${key}]`, `writetime(${name}[${key}])`)
    choices.push(`${name}[${key} .. ${constantOf(dice, elements.keys)}]`)
  }
  return dice.pick(choices)
}

function literals(dice: Dice, type: string): string {
  return Array.from({ length: dice.integer(1, 3) }, () => constantOf(dice, type)).join(', ')
}

function wherePartition(dice: Dice, table: RandomTable): string {
  return table.partition
    .map(({ name, type }) =>
      dice.chance(0.3)
        ? `${name} IN (${literals(dice, type)})`
        : `${name} = ${constantOf(dice, type)}`,
    )
    .join(' AND ')
}

function whereToken(dice: Dice, table: RandomTable): string {
  const side = `token(${table.partition.map(({ name }) => name).join(', ')})`
  const bound = (): string => {
    if (dice.chance(0.3)) return dice.pick(['0', '-4611686018427387904', '9223372036854775807'])
    return `token(${table.partition.map(({ type }) => constantOf(dice, type)).join(', ')})`
  }
  const lower = `${side} ${dice.pick(['>', '>='])} ${bound()}`
  const upper = `${side} ${dice.pick(['<', '<='])} ${bound()}`
  return dice.pick([lower, upper, `${lower} AND ${upper}`, `${side} = ${bound()}`])
}

function whereClustering(dice: Dice, { clustering }: RandomTable): string[] {
  const depth = dice.integer(0, clustering.length)
  const prefix = clustering
    .slice(0, depth)
    .map(({ name, type }) =>
      dice.chance(0.25)
        ? `${name} IN (${literals(dice, type)})`
        : `${name} = ${constantOf(dice, type)}`,
    )
  const rest = clustering.slice(depth)
  if (rest.length === 0 || (depth > 0 && dice.chance(0.4))) return prefix
  if (rest.length > 1 && dice.chance(0.25)) return [...prefix, multiColumn(dice, rest)]
  return [...prefix, sliceOf(dice, rest)]
}

function multiColumn(dice: Dice, columns: readonly RandomColumn[]): string {
  const chosen = columns.slice(0, dice.integer(1, columns.length))
  const tuple = (): string => `(${chosen.map(({ type }) => constantOf(dice, type)).join(', ')})`
  const side = `(${chosen.map(({ name }) => name).join(', ')})`
  if (dice.chance(0.4)) return `${side} = ${tuple()}`
  const items = Array.from({ length: dice.integer(1, 3) }, tuple)
  return `${side} IN (${items.join(', ')})`
}

function filter(dice: Dice, { name, type, kind: columnKind }: RandomColumn): string {
  const elements = elementsOf(type.replace(/^frozen<(.*)>$/, '$1'))
  const plain = `${name} ${dice.pick(['=', '=', '<', '>', '<=', '>='])} ${constantOf(dice, type)}`
  if (elements === undefined || dice.chance(0.2)) return plain
  const { kind, keys, values } = elements
  const choices = [`${name} CONTAINS ${constantOf(dice, values)}`]
  if (kind === 'map') {
    // In a static map Cassandra finds keys that are deleted.
    if (columnKind !== 'static') choices.push(`${name} CONTAINS KEY ${constantOf(dice, keys)}`)
    choices.push(`${name}[${constantOf(dice, keys)}] = ${constantOf(dice, values)}`)
  }
  return dice.pick(choices)
}

function groupBy(dice: Dice, table: RandomTable): string {
  const columns = [...table.partition, ...table.clustering.slice(0, dice.integer(0, 2))]
  return `GROUP BY ${columns.map(({ name }) => name).join(', ')}`
}

function orderBy(dice: Dice, { clustering }: RandomTable): string {
  const isReversed = dice.chance(0.6)
  const columns = clustering.slice(0, dice.integer(1, clustering.length))
  const items = columns.map(({ name, isDescending }) => {
    const isWrong = dice.chance(0.05)
    return `${name} ${(isDescending !== isReversed) !== isWrong ? 'DESC' : 'ASC'}`
  })
  return `ORDER BY ${items.join(', ')}`
}
