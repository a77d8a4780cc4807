import { describe, expect, test } from 'vitest'
import {
  type ColumnSchema,
  createTableSchema,
  type TableSchema,
} from '../../../src/engine/catalog/table-schema.ts'
import {
  boundAfter,
  boundBefore,
  type ClusteringKey,
  clusteringKeyOf,
} from '../../../src/engine/keys/index.ts'
import {
  type CellChange,
  type Change,
  type Mutation,
  openRowStore,
  type RowStore,
} from '../../../src/engine/rows/index.ts'
import { type KvStore, MemoryStore } from '../../../src/engine/storage/index.ts'
import { nativeTypes } from '../../../src/types/index.ts'
import {
  clustering,
  columns,
  count,
  counterTable,
  FixedClock,
  int32,
  partition,
  sampleTable,
} from './sample-table.ts'
import { timestampOf } from '../../../src/engine/timestamp.ts'

const table = sampleTable()
const { a, b, m, e } = columns

interface Fixture {
  readonly store: RowStore
  readonly kv: KvStore
  readonly clock: FixedClock
}

function open(): Fixture {
  const clock = new FixedClock()
  const kv = new MemoryStore()
  return { store: openRowStore(kv, clock), kv, clock }
}

function mutation(schema: TableSchema, ts: number, ...changes: Change[]): Mutation {
  return {
    table: schema,
    partition: partition(schema, 1),
    timestamp: timestampOf(BigInt(ts)),
    ttl: 0,
    changes,
  }
}

function row(key: ClusteringKey, ...cells: CellChange[]): Change {
  return { kind: 'row', clustering: key, liveness: false, cells }
}

function set(column: ColumnSchema, value: string): CellChange {
  return { kind: 'set', column, value: Buffer.from(value) }
}

const r = clustering(table, 1, 'r')

function read(store: RowStore, schema: TableSchema = table): string | undefined {
  const value = store.readRow(schema, partition(schema, 1), r)?.value(a)
  return value && Buffer.from(value).toString()
}

describe('rows', () => {
  test('an INSERT of nulls makes a row, an UPDATE of nulls does not', () => {
    const { store } = open()
    const nulls: CellChange[] = [{ kind: 'delete', column: a }]
    store.apply([mutation(table, 1, row(r, ...nulls))])
    expect(store.readRow(table, partition(table, 1), r)).toBe(undefined)
    store.apply([mutation(table, 2, { kind: 'row', clustering: r, liveness: true, cells: nulls })])
    const found = store.readRow(table, partition(table, 1), r)
    expect([found?.value(a), found?.start(a.id), found?.elements(m)]).toEqual([
      undefined,
      -1,
      undefined,
    ])
  })

  test('every cell lives as long as its own TTL says, and the clock decides', () => {
    const { store, clock } = open()
    store.apply([{ ...mutation(table, 1, row(r, set(a, 'short'))), ttl: 10 }])
    store.apply([{ ...mutation(table, 1, row(r, set(b, 'long'))), ttl: 20 }])
    const seen = (): unknown[] => {
      const found = store.readRow(table, partition(table, 1), r)
      return [found?.expiresAt(a), found?.expiresAt(b)]
    }
    const start = clock.seconds
    clock.seconds = start + 9
    expect(seen()).toEqual([start + 10, start + 20])
    clock.seconds = start + 10
    expect(seen()).toEqual([undefined, start + 20])
    clock.seconds = start + 20
    expect(store.readRow(table, partition(table, 1), r)).toBe(undefined)
  })

  test('a mutation that fails half way leaves nothing behind', () => {
    const { store } = open()
    const broken = { ...mutation(table, 2, { kind: 'deletePartition' }), changes: undefined }
    const good = mutation(table, 1, row(r, set(a, 'x')))
    store.apply([good])
    expect(() =>
      store.apply([mutation(table, 2, { kind: 'deletePartition' }), broken as unknown as Mutation]),
    ).toThrow()
    expect(read(store)).toBe('x')
    store.apply([mutation(table, 2, { kind: 'deletePartition' })])
    expect(read(store)).toBe(undefined)
  })

  test('deletions are found again by whoever opens the same store later', () => {
    const { store, kv, clock } = open()
    store.apply([
      mutation(table, 5, {
        kind: 'deleteRange',
        start: boundBefore(table, []),
        end: boundAfter(table, []),
      }),
    ])
    const later = openRowStore(kv, clock)
    later.apply([mutation(table, 4, row(r, set(a, 'old')))])
    expect(read(later)).toBe(undefined)
    later.apply([mutation(table, 6, row(r, set(a, 'new')))])
    expect(read(openRowStore(kv, clock))).toBe('new')
  })

  test('cells of a dropped column are gone, and a row of nothing else with them', () => {
    const { store } = open()
    const other = clustering(table, 2, 'r')
    store.apply([mutation(table, 1, row(r, set(a, 'x'), set(b, 'y')), row(other, set(b, 'z')))])
    const without = createTableSchema({
      ...table,
      columns: Object.values(columns).filter((column) => column !== b),
      nextColumnId: table.nextColumnId,
    })
    expect(read(store, without)).toBe('x')
    expect(store.readRow(without, partition(table, 1), other)).toBe(undefined)
    const again = { ...b, id: table.nextColumnId }
    const readded = createTableSchema({
      ...table,
      columns: [...Object.values(columns).filter((column) => column !== b), again],
    })
    expect(store.readRow(readded, partition(table, 1), r)?.value(again)).toBe(undefined)
    store.apply([mutation(readded, 2, row(r, set(again, 'new')))])
    expect(
      Buffer.from(store.readRow(readded, partition(table, 1), r)!.value(again)!).toString(),
    ).toBe('new')
  })

  test('collections come as one value in the order of their keys', () => {
    const { store } = open()
    const element = (key: number, value: string): CellChange => ({
      kind: 'setElement',
      column: m,
      path: int32(key),
      value: Buffer.from(value),
    })
    const member = (key: number): CellChange => ({
      kind: 'setElement',
      column: e,
      path: int32(key),
      value: new Uint8Array(0),
    })
    store.apply([
      mutation(
        table,
        1,
        row(r, element(5, 'five'), element(-5, 'minus'), element(0, ''), member(3), member(-1)),
      ),
    ])
    const found = store.readRow(table, partition(table, 1), r)!
    const part = (bytes: Buffer): Buffer => Buffer.concat([int32(bytes.length), bytes])
    const map = [
      int32(3),
      int32(-5),
      Buffer.from('minus'),
      int32(0),
      Buffer.from(''),
      int32(5),
      Buffer.from('five'),
    ]
    expect(Buffer.from(found.complexValue(m)!)).toEqual(
      Buffer.concat([map[0]!, ...map.slice(1).map(part)]),
    )
    expect(Buffer.from(found.complexValue(e)!)).toEqual(
      Buffer.concat([int32(2), part(int32(-1)), part(int32(3))]),
    )
  })

  test('fields of a non-frozen UDT keep their places, missing ones are null', () => {
    const { store } = open()
    const udt: ColumnSchema = {
      ...a,
      type: {
        kind: 'udt',
        keyspace: 'k',
        name: 'u',
        fields: ['x', 'y', 'z'].map((name) => ({ name, type: nativeTypes.text })),
        frozen: false,
      },
      isComplex: true,
    }
    const schema = createTableSchema({
      ...table,
      columns: [columns.pk, columns.c1, columns.c2, udt],
    })
    store.apply([
      mutation(
        schema,
        1,
        row(r, {
          kind: 'setElement',
          column: udt,
          path: Uint8Array.of(0, 1),
          value: Buffer.from('y'),
        }),
      ),
    ])
    const found = store.readRow(schema, partition(schema, 1), r)!
    expect(Buffer.from(found.complexValue(udt)!).toString('hex')).toBe('ffffffff0000000179ffffffff')
  })

  test('clusterings whose bytes differ from their value come back as they were written', () => {
    const { store } = open()
    const c: ColumnSchema = { ...columns.c1, type: nativeTypes.decimal }
    const schema = createTableSchema({ ...table, columns: [columns.pk, c, a] })
    const decimal = (scale: number, unscaled: number): Buffer =>
      Buffer.concat([int32(scale), Uint8Array.of(unscaled)])
    const key = (bytes: Buffer): ClusteringKey => clusteringKeyOf(schema, [bytes])
    store.apply([mutation(schema, 1, row(key(decimal(1, 10)), set(a, 'x')))])
    store.apply([mutation(schema, 2, row(key(decimal(2, 100)), set(a, 'y')))])
    const cursor = store.readPartition(schema, partition(schema, 1))
    expect(cursor.nextRow()).toBe(true)
    expect(Buffer.from(cursor.row.clustering!.components[0]!)).toEqual(decimal(1, 10))
    expect(Buffer.from(cursor.row.value(a)!).toString()).toBe('y')
    expect(cursor.nextRow()).toBe(false)
  })

  test('the partition of a table without clustering is one row, and its deletion needs no header', () => {
    const { store, kv } = open()
    const schema = createTableSchema({ ...table, columns: [columns.pk, a] })
    const key = clusteringKeyOf(schema, [])
    store.apply([mutation(schema, 1, row(key, set(a, 'x')))])
    expect(store.readRow(schema, partition(schema, 1), key)).not.toBe(undefined)
    store.apply([mutation(schema, 2, { kind: 'deletePartition' })])
    expect(store.readRow(schema, partition(schema, 1), key)).toBe(undefined)
    expect(kv.stats().entryCount).toBe(1)
  })
})

describe('counters', () => {
  const c = clusteringKeyOf(counterTable, [int32(1)])
  const add = (ts: number, delta: bigint): Mutation =>
    mutation(counterTable, ts, row(c, { kind: 'add', column: count, delta }))
  const sum = (store: RowStore): bigint | undefined => {
    const value = store.readRow(counterTable, partition(counterTable, 1), c)?.value(count)
    return value && Buffer.from(value).readBigInt64BE()
  }

  test('sum exactly, across the whole range of int64, within a batch too', () => {
    const { store } = open()
    store.apply([add(1, 5n), add(1, -7n)])
    expect(sum(store)).toBe(-2n)
    store.apply([add(2, (1n << 62n) + 3n), add(2, 1n << 61n)])
    expect(sum(store)).toBe((1n << 62n) + (1n << 61n) + 1n)
    store.apply([add(3, 1n << 62n)])
    expect(sum(store)).toBe(BigInt.asIntN(64, (1n << 63n) + (1n << 61n) + 1n))
  })

  test('start from zero after the deletion of their row, range or partition, not after their own', () => {
    const deletions: Change[] = [
      { kind: 'deleteRow', clustering: c },
      {
        kind: 'deleteRange',
        start: boundBefore(counterTable, []),
        end: boundAfter(counterTable, []),
      },
      { kind: 'deletePartition' },
    ]
    for (const deletion of deletions) {
      const { store } = open()
      store.apply([add(1, 5n)])
      store.apply([mutation(counterTable, 2, deletion)])
      expect(sum(store)).toBe(undefined)
      store.apply([add(3, 2n)])
      expect(sum(store)).toBe(2n)
    }
    const { store } = open()
    store.apply([add(1, 5n)])
    store.apply([mutation(counterTable, 2, row(c, { kind: 'delete', column: count }))])
    store.apply([add(3, 2n)])
    expect(sum(store)).toBe(undefined)
  })
})

describe('garbage collection', () => {
  const short = sampleTable({ gcGraceSeconds: 100 })

  test('a deletion hides older writes for gc_grace_seconds, and costs nothing after', async () => {
    const { store, kv, clock } = open()
    store.apply([mutation(short, 1, row(r, set(a, 'x'), set(b, 'y')))])
    store.apply([mutation(short, 2, { kind: 'deleteRow', clustering: r })])
    store.apply([mutation(short, 1, row(r, set(a, 'late')))])
    clock.seconds += 100
    await store.compact(() => short)
    expect([read(store, short), kv.stats().entryCount]).toEqual([undefined, 1])
    clock.seconds += 1
    await store.compact(() => short)
    expect(kv.stats().entryCount).toBe(0)
    store.apply([mutation(short, 1, row(r, set(a, 'later')))])
    expect(read(store, short)).toBe('later')
  })

  test('rewriting a row drops its old tombstones and what has expired', () => {
    const { store, clock, kv } = open()
    store.apply([{ ...mutation(short, 1, row(r, set(a, 'x'.repeat(50)))), ttl: 10 }])
    store.apply([mutation(short, 1, row(r, { kind: 'delete', column: b }))])
    const full = kv.stats().liveBytes
    clock.seconds += 50
    store.apply([mutation(short, 1, row(r))])
    expect(kv.stats().liveBytes).toBeLessThan(full - 49)
    clock.seconds += 70
    store.apply([mutation(short, 1, row(r))])
    expect(kv.stats().entryCount).toBe(0)
  })

  test('deleted partitions and ranges leave with all they hid, in steps, and come to nothing', async () => {
    const { store, kv, clock } = open()
    const rows = Array.from({ length: 1200 }, (_, i) => row(clustering(short, i, 'r'), set(a, 'x')))
    store.apply([mutation(short, 1, ...rows)])
    store.apply([{ ...mutation(short, 1, ...rows.slice(0, 600)), partition: partition(short, 2) }])
    store.apply([mutation(short, 2, { kind: 'deletePartition' })])
    const range: Change = {
      kind: 'deleteRange',
      start: boundBefore(short, [int32(10)]),
      end: boundAfter(short, [int32(20)]),
    }
    store.apply([{ ...mutation(short, 2, range), partition: partition(short, 2) }])
    await store.compact(() => short)
    // 589 rows, a header, a list of ranges, and the note that the table has had both.
    expect(kv.stats().entryCount).toBe(592)
    clock.seconds += 101
    await store.compact(() => short)
    expect(kv.stats().entryCount).toBe(590)
    const cursor = store.readPartition(short, partition(short, 2))
    let live = 0
    while (cursor.nextRow()) live++
    expect(live).toBe(589)
    await store.dropGeneration(short.generation)
    expect(kv.stats().entryCount).toBe(0)
  })
})
