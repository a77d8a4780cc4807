import type { Dice } from './dice.ts'
import { constantOf, elementsOf, type RandomColumn, type RandomTable } from './tables.ts'
import { assignment, deleted, sliceOf } from './writes.ts'

/** A conditional statement, or a conditional batch on one partition. */
export function randomConditional(dice: Dice, table: RandomTable): string {
  const partition = table.partition.map(({ type }) => constantOf(dice, type))
  if (dice.chance(0.6)) return randomPart(dice, table, partition, true)
  // Elements of lists are looked up in rows that have conditions only: others have none to it.
  const isPlain = ({ type }: RandomColumn): boolean => !type.startsWith('list')
  const regulars = table.regulars.filter(isPlain)
  const statics = table.statics.filter(isPlain)
  const plain = { ...table, regulars, statics }
  const parts = Array.from({ length: dice.integer(2, 4) }, (_, index) => {
    return `${randomPart(dice, plain, partition, index === 0 || dice.chance(0.4))};`
  })
  return `BEGIN BATCH ${parts.join(' ')} APPLY BATCH`
}

function randomPart(
  dice: Dice,
  table: RandomTable,
  partition: readonly string[],
  isConditional: boolean,
): string {
  const kind = dice.integer(1, 100)
  if (kind <= 30) return randomInsert(dice, table, partition, isConditional)
  if (kind <= 70 && table.regulars.length + table.statics.length > 0) {
    return randomUpdate(dice, table, partition, isConditional)
  }
  return randomDelete(dice, table, partition, isConditional)
}

function randomInsert(
  dice: Dice,
  table: RandomTable,
  partition: readonly string[],
  isConditional: boolean,
): string {
  const isStatic = table.statics.length > 0 && dice.chance(0.15)
  const clustering = isStatic ? [] : table.clustering
  const values = dice.some(isStatic ? table.statics : [...table.statics, ...table.regulars], 0)
  const columns = [...clustering, ...values]
  const names = [...table.partition, ...columns].map(({ name }) => name)
  const literals = [...partition, ...columns.map(({ type }) => constantOf(dice, type))]
  const condition = isConditional ? ' IF NOT EXISTS' : ''
  return `INSERT INTO ${table.name} (${names.join(', ')}) VALUES (${literals.join(', ')})${condition}`
}

function randomUpdate(
  dice: Dice,
  table: RandomTable,
  partition: readonly string[],
  isConditional: boolean,
): string {
  const areStatics = table.regulars.length === 0 || (table.statics.length > 0 && dice.chance(0.3))
  const columns = dice.some(areStatics ? table.statics : table.regulars, 1, 2)
  const assignments = columns.map((column) => assignment(dice, column)).join(', ')
  const where = keyOf(dice, table, partition, areStatics ? 0 : table.clustering.length)
  const condition = isConditional ? randomCondition(dice, table) : ''
  return `UPDATE ${table.name} SET ${assignments} WHERE ${where}${condition}`
}

function randomDelete(
  dice: Dice,
  table: RandomTable,
  partition: readonly string[],
  isConditional: boolean,
): string {
  const { clustering, statics, regulars } = table
  const way = dice.integer(1, 100)
  const write = (columns: readonly RandomColumn[], where: string): string => {
    const targets = columns.map((column) => deleted(dice, column)).join(', ')
    const condition = isConditional ? randomCondition(dice, table) : ''
    return `DELETE ${targets} FROM ${table.name} WHERE ${where}${condition}`
  }
  const row = keyOf(dice, table, partition, clustering.length)
  if (way <= 35 && regulars.length > 0) return write(dice.some(regulars, 1, 2), row)
  if (way <= 50 && statics.length > 0) {
    return write(dice.some(statics, 1, 2), keyOf(dice, table, partition, 0))
  }
  if (way <= 80 || clustering.length === 0) return write([], row)
  const whole = keyOf(dice, table, partition, 0)
  if (dice.chance(0.5)) return write([], whole)
  return write([], `${whole} AND ${sliceOf(dice, clustering)}`)
}

function keyOf(
  dice: Dice,
  table: RandomTable,
  partition: readonly string[],
  depth: number,
): string {
  const rest = table.clustering.slice(0, depth).map(({ type }) => constantOf(dice, type))
  return [...partition, ...rest]
    .map((literal, index) => {
      const { name } = table.partition[index] ?? table.clustering[index - partition.length]!
      return `${name} = ${literal}`
    })
    .join(' AND ')
}

function randomCondition(dice: Dice, table: RandomTable): string {
  const columns = [...table.regulars, ...table.statics]
  if (columns.length === 0 || dice.chance(0.25)) return ' IF EXISTS'
  const conditions = dice.some(columns, 1, 2).map((column) => columnCondition(dice, column))
  return ` IF ${conditions.join(' AND ')}`
}

function columnCondition(dice: Dice, { name, type }: RandomColumn): string {
  if (dice.chance(0.2)) return `${name} ${dice.pick(['=', '!='])} null`
  if (type === 'u' && dice.chance(0.5)) {
    return dice.chance(0.5)
      ? `${name}.x ${operator(dice)} ${constantOf(dice, 'int')}`
      : `${name}.y ${operator(dice)} ${constantOf(dice, 'text')}`
  }
  const elements = elementsOf(type)
  if (elements !== undefined && elements.kind !== 'set' && dice.chance(0.5)) {
    const key = elements.kind === 'list' ? dice.integer(0, 2) : constantOf(dice, elements.keys)
    // Cassandra compares the values of a map as if they were of the type of its keys.
    const how = elements.kind === 'map' ? dice.pick(['=', '!=']) : operator(dice)
    return `${name}[${key}] ${how} ${constantOf(dice, elements.values)}`
  }
  if (dice.chance(0.2)) {
    const items = Array.from({ length: dice.integer(1, 3) }, () => constantOf(dice, type))
    return `${name} IN (${items.join(', ')})`
  }
  const constant = constantOf(dice, type)
  // Of several conditions Cassandra looks first at the one its hash table has first: which of them
  // is refused, or fails before, is not for us to say.
  const isEmpty = constant === '{}' || constant === '[]'
  return `${name} ${isEmpty ? dice.pick(['=', '!=']) : operator(dice)} ${constant}`
}

function operator(dice: Dice): string {
  return dice.pick(['=', '=', '=', '!=', '<', '<=', '>', '>='])
}
