import type { Dice } from './dice.ts'
import { constantOf, elementsOf, type RandomColumn, type RandomTable } from './tables.ts'

/**
 * What every write of a run shares. Timestamps are few, so that they tie. TTLs differ by more than
 * a run lasts: of two cells with one timestamp, the one that expires later wins.
 */
export interface WriteState {
  ttl: number
}

export function randomWrite(dice: Dice, table: RandomTable, state: WriteState): string {
  if (dice.chance(0.12)) return randomBatch(dice, table, state)
  return randomModification(dice, table, state, timestamp(dice))
}

function randomBatch(dice: Dice, table: RandomTable, state: WriteState): string {
  const kind = dice.chance(0.5) ? 'UNLOGGED ' : ''
  const outer = dice.chance(0.5) ? timestamp(dice) : undefined
  const parts = Array.from({ length: dice.integer(1, 4) }, () => {
    const inner = outer === undefined ? timestamp(dice) : undefined
    return `${randomModification(dice, table, state, inner)};`
  })
  const using = outer === undefined ? '' : ` USING TIMESTAMP ${outer}`
  return `BEGIN ${kind}BATCH${using} ${parts.join(' ')} APPLY BATCH`
}

function timestamp(dice: Dice): number {
  return dice.chance(0.7) ? dice.integer(1, 12) : dice.integer(1, 60)
}

function randomModification(
  dice: Dice,
  table: RandomTable,
  state: WriteState,
  time: number | undefined,
): string {
  const kind = dice.integer(1, 100)
  if (kind <= 45) return randomInsert(dice, table, state, time)
  if (kind <= 75 && table.regulars.length + table.statics.length > 0) {
    return randomUpdate(dice, table, state, time)
  }
  return randomDelete(dice, table, time)
}

function using(
  dice: Dice,
  state: WriteState | undefined,
  time: number | undefined,
  when = 0.1,
): string {
  const parts: string[] = []
  if (time !== undefined) parts.push(`TIMESTAMP ${time}`)
  if (state !== undefined && dice.chance(when)) {
    state.ttl += 100_000
    parts.push(`TTL ${dice.chance(0.5) ? state.ttl : 100_000_000 - state.ttl}`)
  }
  return parts.length === 0 ? '' : ` USING ${parts.join(' AND ')}`
}

function randomInsert(
  dice: Dice,
  table: RandomTable,
  state: WriteState,
  time: number | undefined,
): string {
  const isStatic = table.statics.length > 0 && dice.chance(0.15)
  const keys = isStatic ? table.partition : [...table.partition, ...table.clustering]
  const values = isStatic
    ? dice.some(table.statics, 1)
    : dice.some([...table.statics, ...table.regulars], 0)
  const columns = [...keys, ...values]
  const literals = columns.map((column) =>
    !keys.includes(column) && dice.chance(0.12) ? 'null' : constantOf(dice, column.type),
  )
  const names = columns.map(({ name }) => name).join(', ')
  return `INSERT INTO ${table.name} (${names}) VALUES (${literals.join(', ')})${using(dice, state, time)}`
}

function randomUpdate(
  dice: Dice,
  table: RandomTable,
  state: WriteState,
  time: number | undefined,
): string {
  const areStatics = table.regulars.length === 0 || (table.statics.length > 0 && dice.chance(0.2))
  const columns = dice.some(areStatics ? table.statics : table.regulars, 1, 3)
  const assignments = columns.map((column) => assignment(dice, column))
  const where = keyOf(dice, table, areStatics ? 0 : table.clustering.length)
  return `UPDATE ${table.name}${using(dice, state, time)} SET ${assignments.join(', ')} WHERE ${where}`
}

/** Elements of lists are read before they are written: positions may be out of bounds. */
export function assignment(dice: Dice, { name, type }: RandomColumn): string {
  if (dice.chance(0.1)) return `${name} = null`
  if (type === 'u' && dice.chance(0.6)) {
    return dice.chance(0.5)
      ? `${name}.x = ${orNull(dice, constantOf(dice, 'int'))}`
      : `${name}.y = ${orNull(dice, constantOf(dice, 'text'))}`
  }
  const elements = elementsOf(type)
  if (elements === undefined || dice.chance(0.3)) return `${name} = ${constantOf(dice, type)}`
  const { kind, keys, values } = elements
  const way = dice.integer(1, 4)
  if (way === 1 && kind !== 'set') {
    const key = kind === 'list' ? dice.integer(0, 2) : constantOf(dice, keys)
    return `${name}[${key}] = ${orNull(dice, constantOf(dice, values))}`
  }
  if (way === 2 && kind === 'list') return `${name} = ${constantOf(dice, type)} + ${name}`
  const isLess = way === 3
  const operand =
    isLess && kind === 'map' ? constantOf(dice, `set<${keys}>`) : constantOf(dice, type)
  return `${name} = ${name} ${isLess ? '-' : '+'} ${operand}`
}

function orNull(dice: Dice, literal: string): string {
  return dice.chance(0.15) ? 'null' : literal
}

/** Equality or IN on the partition key and the first `depth` clustering columns. */
function keyOf(dice: Dice, table: RandomTable, depth: number): string {
  const columns = [...table.partition, ...table.clustering.slice(0, depth)]
  return columns
    .map(({ name, type }) => {
      if (!dice.chance(0.12)) return `${name} = ${constantOf(dice, type)}`
      const items = Array.from({ length: dice.integer(1, 3) }, () => constantOf(dice, type))
      return `${name} IN (${items.join(', ')})`
    })
    .join(' AND ')
}

function randomDelete(dice: Dice, table: RandomTable, time: number | undefined): string {
  const head = (columns = ''): string =>
    `DELETE${columns} FROM ${table.name}${using(dice, undefined, time)}`
  const { clustering, statics, regulars } = table
  const way = dice.integer(1, 100)
  if (way <= 40 && regulars.length > 0) {
    const parts = dice.some(regulars, 1, 2).map((column) => deleted(dice, column))
    return `${head(` ${parts.join(', ')}`)} WHERE ${keyOf(dice, table, clustering.length)}`
  }
  if (way <= 50 && statics.length > 0) {
    const parts = dice.some(statics, 1, 2).map((column) => deleted(dice, column))
    return `${head(` ${parts.join(', ')}`)} WHERE ${keyOf(dice, table, 0)}`
  }
  if (way <= 65 || clustering.length === 0) {
    return `${head()} WHERE ${keyOf(dice, table, clustering.length)}`
  }
  if (way <= 70) return `${head()} WHERE ${keyOf(dice, table, 0)}`
  const depth = dice.integer(0, clustering.length - 1)
  const prefix = keyOf(dice, table, depth)
  if (depth > 0 && dice.chance(0.3)) return `${head()} WHERE ${prefix}`
  return `${head()} WHERE ${prefix} AND ${sliceOf(dice, clustering.slice(depth))}`
}

export function deleted(dice: Dice, { name, type }: RandomColumn): string {
  if (type === 'u' && dice.chance(0.5)) return `${name}.${dice.pick(['x', 'y'])}`
  const elements = elementsOf(type)
  if (elements === undefined || dice.chance(0.5)) return name
  const key = elements.kind === 'list' ? dice.integer(0, 2) : constantOf(dice, elements.keys)
  return `${name}[${key}]`
}

/** A slice of the first of these clustering columns, or of several at once. */
export function sliceOf(dice: Dice, columns: readonly RandomColumn[]): string {
  const count = dice.chance(0.4) ? dice.integer(1, columns.length) : 1
  const chosen = columns.slice(0, count)
  const isTuple = count > 1 || dice.chance(0.1)
  const names = chosen.map(({ name }) => name).join(', ')
  const side = isTuple ? `(${names})` : names
  const bound = (): string => {
    const literals = chosen.map(({ type }) => constantOf(dice, type)).join(', ')
    return isTuple ? `(${literals})` : literals
  }
  const lower = `${side} ${dice.pick(['>', '>='])} ${bound()}`
  const upper = `${side} ${dice.pick(['<', '<='])} ${bound()}`
  return dice.pick([lower, upper, `${lower} AND ${upper}`])
}
