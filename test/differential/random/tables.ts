import type { Dice } from './dice.ts'

export type ColumnKind = 'partition' | 'clustering' | 'static' | 'regular'

export interface RandomColumn {
  readonly name: string
  readonly kind: ColumnKind
  readonly type: string
  readonly isDescending: boolean
}

export interface RandomTable {
  /** Whether it is written by conditional statements too. */
  readonly hasConditions: boolean
  readonly name: string
  readonly create: string
  readonly columns: readonly RandomColumn[]
  readonly partition: readonly RandomColumn[]
  readonly clustering: readonly RandomColumn[]
  readonly statics: readonly RandomColumn[]
  readonly regulars: readonly RandomColumn[]
}

/** The user type of the columns declared `u`. */
export const createUserType = 'CREATE TYPE IF NOT EXISTS u (x int, y text)'

/** Few constants of every type, so that they meet again; the edges of each among them. */
const constants: Readonly<Record<string, readonly string[]>> = {
  int: ['0', '1', '2', '-1', '2147483647', '-2147483648'],
  bigint: ['0', '1', '-1', '9223372036854775807'],
  smallint: ['0', '1', '-32768', '32767'],
  tinyint: ['0', '1', '-128', '127'],
  varint: ['0', '1', '-1', '255', '-256', '123456789012345678901234567890'],
  decimal: ['0', '1', '-1', '2.5', '-2.5', '1E20', '1E-20'],
  float: ['0.0', '1.5', '-1.5', '-0.0', 'NaN', 'Infinity'],
  double: ['0.0', '1.5', '-1.5', '-0.0', 'NaN', '-Infinity'],
  text: ["''", "'a'", "'b'", "'ab'", "'é'", "'😀'"],
  ascii: ["''", "'a'", "'b'", "'B'"],
  blob: ['0x', '0x00', '0x0000', '0xff', '0x01'],
  boolean: ['true', 'false'],
  timestamp: ['0', '-1', '1600000000000', "'2020-02-29T12:00:00Z'"],
  date: ["'1970-01-01'", "'2020-02-29'", "'1969-12-31'", '0'],
  time: ["'00:00:00'", "'12:34:56.789'", "'23:59:59.999999999'"],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    '5bd95c1a-6b4d-41ee-8c99-0242ac120002',
    'ffffffff-ffff-4fff-bfff-ffffffffffff',
    '5bd95c1a-6b4d-11ee-8c99-0242ac120002',
  ],
  timeuuid: [
    '5bd95c1a-6b4d-11ee-8c99-0242ac120002',
    '5bd95c1a-6b4d-11ee-0c99-0242ac120002',
    '00000000-0000-1000-8080-808080808080',
    'ffffffff-0000-1fff-8080-808080808080',
  ],
  inet: ["'1.2.3.4'", "'255.0.0.1'", "'::1'", "'2001:db8::1'"],
  duration: ['1h', '2d', '1mo2d3h'],
  u: ["{x: 1, y: 'a'}", "{x: 2, y: ''}", "{y: 'a'}", '{x: 1}'],
  'tuple<int, text>': ["(1, 'a')", "(1, 'b')", '(2, null)', "(null, 'a')"],
  'vector<float, 2>': ['[1, 2]', '[0.5, -1]'],
}

const plainKeyTypes = Object.keys(constants).filter(
  (type) => type !== 'duration' && type !== 'u' && !type.includes('<'),
)
const frozenTypes = [
  'frozen<list<int>>',
  'frozen<set<text>>',
  'frozen<map<int, text>>',
  'frozen<u>',
  'frozen<list<frozen<u>>>',
  'tuple<int, text>',
]
const complexTypes = ['list<int>', 'set<text>', 'set<int>', 'map<int, text>', 'map<text, int>', 'u']

/** A constant of the type, `null` never. */
export function constantOf(dice: Dice, type: string): string {
  const frozen = /^frozen<(.*)>$/.exec(type)?.[1]
  if (frozen !== undefined) return constantOf(dice, frozen)
  const collection = elementsOf(type)
  if (collection === undefined) return dice.pick(constants[type]!)
  const { kind, keys, values } = collection
  if (kind === 'list') {
    const items = Array.from({ length: dice.integer(0, 3) }, () => constantOf(dice, values))
    return `[${items.join(', ')}]`
  }
  const items = dice.some(constants[keys]!, 0, 3)
  if (kind === 'set') return `{${items.join(', ')}}`
  return `{${items.map((key) => `${key}: ${constantOf(dice, values)}`).join(', ')}}`
}

/** What a collection holds; the keys of a set are its elements, those of a list its positions. */
export function elementsOf(
  type: string,
): { kind: 'list' | 'set' | 'map'; keys: string; values: string } | undefined {
  const match = /^(list|set|map)<(.*)>$/.exec(type)
  if (match === null) return undefined
  const inner = match[2]!
  if (match[1] === 'list') return { kind: 'list', keys: 'int', values: inner }
  if (match[1] === 'set') return { kind: 'set', keys: inner, values: inner }
  const [keys, values] = inner.split(', ')
  return { kind: 'map', keys: keys!, values: values! }
}

export function randomTable(dice: Dice, name: string): RandomTable {
  const columns: RandomColumn[] = []
  const add = (kind: ColumnKind, prefix: string, count: number, pickType: () => string): void => {
    for (let index = 0; index < count; index++) {
      const type = pickType()
      // Cassandra fails with a ClassCastException at the empty map of a descending column.
      const isDescending =
        kind === 'clustering' && dice.chance(0.4) && type !== 'frozen<map<int, text>>'
      columns.push({ name: `${prefix}${index}`, kind, type, isDescending })
    }
  }
  const keyType = (): string =>
    dice.chance(0.4) ? 'int' : dice.chance(0.15) ? dice.pick(frozenTypes) : dice.pick(plainKeyTypes)
  const valueType = (): string =>
    dice.chance(0.45)
      ? dice.pick(complexTypes)
      : dice.chance(0.5)
        ? 'int'
        : dice.pick([...Object.keys(constants), ...frozenTypes])
  const clusteringCount = dice.pick([0, 1, 1, 2, 2, 3])
  add('partition', 'p', dice.pick([1, 1, 2]), keyType)
  add('clustering', 'c', clusteringCount, keyType)
  add('static', 's', clusteringCount === 0 ? 0 : dice.integer(0, 2), valueType)
  add('regular', 'v', dice.integer(0, 4), valueType)
  const ofKind = (kind: ColumnKind): RandomColumn[] =>
    columns.filter((column) => column.kind === kind)
  const partition = ofKind('partition')
  const clustering = ofKind('clustering')
  return {
    name,
    hasConditions: dice.chance(0.4),
    create: createTable(name, columns, partition, clustering),
    columns,
    partition,
    clustering,
    statics: ofKind('static'),
    regulars: ofKind('regular'),
  }
}

function createTable(
  name: string,
  columns: readonly RandomColumn[],
  partition: readonly RandomColumn[],
  clustering: readonly RandomColumn[],
): string {
  const list = (items: readonly RandomColumn[]): string => items.map((item) => item.name).join(', ')
  const declared = columns.map((column) => {
    return `${column.name} ${column.type}${column.kind === 'static' ? ' static' : ''}`
  })
  const key = [`(${list(partition)})`, ...clustering.map((column) => column.name)].join(', ')
  const order = clustering.map((column) => `${column.name} ${column.isDescending ? 'DESC' : 'ASC'}`)
  const options = order.length === 0 ? '' : ` WITH CLUSTERING ORDER BY (${order.join(', ')})`
  return `CREATE TABLE ${name} (${declared.join(', ')}, PRIMARY KEY (${key}))${options}`
}
