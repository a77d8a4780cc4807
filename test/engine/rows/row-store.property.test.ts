import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ColumnSchema } from '../../../src/engine/catalog/table-schema.ts'
import { boundAfter, boundBefore, type ClusteringBound } from '../../../src/engine/keys/index.ts'
import {
  type CellChange,
  type Change,
  type Mutation,
  openRowStore,
  type RowCursor,
  type RowReader,
  type RowStore,
  type RowView,
} from '../../../src/engine/rows/index.ts'
import { MemoryStore, openDiskStore } from '../../../src/engine/storage/index.ts'
import { type LiveRow, PartitionModel, staticRow } from './row-model.ts'
import { clustering, columns, FixedClock, int32, partition, sampleTable } from './sample-table.ts'
import { timestampOf } from '../../../src/engine/timestamp.ts'

const table = sampleTable()
const partitions = [1, 2, 3]
const c1Values = [-1, 0, 1]
const c2Values = ['', 'a', 'b\0']

/** Rows in the order of the table: c1 ascending, c2 descending. */
const rowNames = c1Values.flatMap((c1) => [...c2Values].reverse().map((c2) => `${c1}/${c2}`))

function rowKey(name: string): ReturnType<typeof clustering> {
  const at = name.indexOf('/')
  return clustering(table, Number(name.slice(0, at)), name.slice(at + 1))
}

interface CellOp {
  readonly column: ColumnSchema
  readonly path: number | undefined
  readonly value: string | undefined
}

type Op =
  | {
      readonly kind: 'row'
      readonly row: string
      readonly insert: boolean
      readonly cells: CellOp[]
    }
  | {
      readonly kind: 'wipe'
      readonly row: string
      readonly column: ColumnSchema
      readonly replace: boolean
      readonly cells: CellOp[]
    }
  | { readonly kind: 'deleteRow'; readonly row: string }
  | { readonly kind: 'deleteRange'; readonly from: number; readonly to: number }
  | { readonly kind: 'deletePrefix'; readonly c1: number }
  | { readonly kind: 'deletePartition' }

interface Write {
  readonly partition: number
  readonly ts: bigint
  readonly ttl: number
  readonly op: Op
}

type Step = { readonly writes: Write[]; readonly advance: number }

const rowName = fc.constantFrom(...rowNames)
const value = fc.constantFrom('', 'x', 'y', '\xff')
const nullable = fc.option(value, { nil: undefined, freq: 3 })
const element = fc.constantFrom(-1, 0, 1)

function cellsOf(simple: ColumnSchema[], complex: ColumnSchema[]): fc.Arbitrary<CellOp[]> {
  const one = fc.oneof(
    fc.record({
      column: fc.constantFrom(...simple),
      path: fc.constant(undefined),
      value: nullable,
    }),
    fc.record({ column: fc.constantFrom(...complex), path: element, value: nullable }),
  )
  return fc
    .array(one, { maxLength: 4 })
    .map((cells) =>
      cells.filter(
        (cell, i) =>
          cells.findIndex((other) => other.column === cell.column && other.path === cell.path) ===
          i,
      ),
    )
}

const { a, b, m, e, s, sm } = columns
const regularCells = cellsOf([a, b], [m, e])
const staticCells = cellsOf([s], [sm])

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('row' as const),
      row: rowName,
      insert: fc.boolean(),
      cells: regularCells,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('row' as const),
      row: fc.constant(staticRow),
      insert: fc.constant(false),
      cells: staticCells,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('wipe' as const),
      row: rowName,
      column: fc.constantFrom(m, e),
      replace: fc.boolean(),
      cells: regularCells,
    }),
  },
  fc.record({ kind: fc.constant('deleteRow' as const), row: rowName }),
  fc.record({ kind: fc.constant('deleteRange' as const), from: fc.nat(9), to: fc.nat(9) }),
  fc.record({ kind: fc.constant('deletePrefix' as const), c1: fc.constantFrom(...c1Values) }),
  fc.record({ kind: fc.constant('deletePartition' as const) }),
)

const timestamps = [
  -(1n << 62n),
  -1n,
  0n,
  1n,
  2n,
  3n,
  (1n << 32n) - 1n,
  1n << 32n,
  (1n << 63n) - 1n,
]
const write: fc.Arbitrary<Write> = fc.record({
  partition: fc.constantFrom(...partitions),
  ts: fc.constantFrom(1n, 2n, 3n, ...timestamps),
  ttl: fc.constantFrom(0, 0, 5, 6),
  op,
})
const step: fc.Arbitrary<Step> = fc.record({
  writes: fc.array(write, { minLength: 1, maxLength: 4 }),
  advance: fc.constantFrom(0, 0, 1, 4),
})

/** Bounds between rows by number: 0 is before the first row, 9 after the last. */
function bound(place: number): ClusteringBound {
  if (place === rowNames.length) return boundAfter(table, [])
  return boundBefore(table, rowKey(rowNames[place]!).components)
}

function cellChange({ column, path, value: content }: CellOp): CellChange {
  if (path !== undefined) {
    return content === undefined
      ? { kind: 'deleteElement', column, path: int32(path) }
      : { kind: 'setElement', column, path: int32(path), value: Buffer.from(content, 'latin1') }
  }
  return content === undefined
    ? { kind: 'delete', column }
    : { kind: 'set', column, value: Buffer.from(content, 'latin1') }
}

function changeOf(op: Op): Change {
  switch (op.kind) {
    case 'deletePartition':
      return { kind: 'deletePartition' }
    case 'deleteRow':
      return { kind: 'deleteRow', clustering: rowKey(op.row) }
    case 'deleteRange':
      return { kind: 'deleteRange', start: bound(op.from), end: bound(op.to) }
    case 'deletePrefix':
      return {
        kind: 'deleteRange',
        start: boundBefore(table, [int32(op.c1)]),
        end: boundAfter(table, [int32(op.c1)]),
      }
    case 'wipe':
      return {
        kind: 'row',
        clustering: rowKey(op.row),
        liveness: false,
        cells: [
          ...op.cells.map(cellChange),
          { kind: op.replace ? 'replace' : 'delete', column: op.column },
        ],
      }
    case 'row':
      return {
        kind: 'row',
        clustering: op.row === staticRow ? undefined : rowKey(op.row),
        liveness: op.insert,
        cells: op.cells.map(cellChange),
      }
  }
}

function applyToModel(model: PartitionModel, { ts, ttl, op }: Write, now: number): void {
  switch (op.kind) {
    case 'deletePartition':
      model.partitionDeletions.push({ ts })
      return
    case 'deleteRow':
      model.rowDeletions.push({ ts, row: op.row })
      return
    case 'deleteRange': {
      const covers = (row: string): boolean =>
        rowNames.indexOf(row) >= op.from && rowNames.indexOf(row) < op.to
      model.rangeDeletions.push({ ts, covers })
      return
    }
    case 'deletePrefix':
      model.rangeDeletions.push({ ts, covers: (row) => row.startsWith(`${op.c1}/`) })
      return
    default:
  }
  if (op.kind === 'wipe') {
    model.columnDeletions.push({
      ts: op.replace ? ts - 1n : ts,
      row: op.row,
      column: op.column.name,
    })
  } else if (op.insert) {
    model.liveness.push({ row: op.row, ts, ttl, time: now + ttl })
  }
  for (const cell of op.cells) {
    const isLive = cell.value !== undefined
    model.cells.push({
      row: op.row,
      column: cell.column.name,
      path: cell.path,
      ts,
      ttl: isLive ? ttl : 0,
      time: isLive ? now + ttl : now,
      value: isLive ? Buffer.from(cell.value, 'latin1') : undefined,
    })
  }
}

/** What a row view shows, in the words of the model. */
function contentOf(row: RowView, isStatic: boolean): LiveRow {
  const content: LiveRow = {}
  const show = (name: string, bytes: Uint8Array, ts: bigint, expiry: number | undefined): void => {
    content[name] = `${Buffer.from(bytes).toString('latin1')}@${ts}~${expiry ?? ''}`
  }
  for (const column of isStatic ? table.statics : table.regulars) {
    if (!column.isComplex) {
      const bytes = row.value(column)
      if (bytes === undefined) continue
      show(column.name, bytes, row.timestamp(column)!, row.expiresAt(column))
      expect(Buffer.from(row.bytes).readInt32BE(row.start(column.id) - 4)).toBe(bytes.length)
      continue
    }
    const elements = row.elements(column)
    for (let i = 0; i < (elements?.length ?? 0); i++) {
      const path = Buffer.from(elements!.path(i))
      expect(elements!.indexOf(path)).toBe(i)
      show(
        `${column.name}[${path.readInt32BE()}]`,
        elements!.value(i),
        elements!.timestamp(i),
        elements!.expiresAt(i),
      )
    }
  }
  return content
}

type Found = [string, LiveRow][]

function nameOf(row: RowView): string {
  const [c1, c2] = row.clustering!.components
  expect(row.clusteringEnd(1) - row.clusteringStart(1)).toBe(c2!.length)
  return `${Buffer.from(c1!).readInt32BE()}/${Buffer.from(c2!).toString('latin1')}`
}

/** The rest of a partition, pausing after every third entry. */
function drain(cursor: RowCursor): Found {
  const found: Found = []
  cursor.budget = 3
  for (;;) {
    if (cursor.nextRow()) found.push([nameOf(cursor.row), contentOf(cursor.row, false)])
    else if (cursor.isPaused) cursor.budget = 3
    else return found
  }
}

function modelRows(model: PartitionModel, now: number, names: readonly string[] = rowNames): Found {
  return names.flatMap((name): Found => {
    const row = model.read(name, now)
    return row === undefined ? [] : [[name, row]]
  })
}

function checkPartition(rows: RowReader, pk: number, model: PartitionModel, now: number): void {
  const key = partition(table, pk)
  const expected = modelRows(model, now)
  const forward = rows.readPartition(table, key, { nowSeconds: now })
  const found = drain(forward)
  expect(found).toEqual(expected)
  const statics = forward.staticRow
  expect(statics && contentOf(statics, true)).toEqual(model.read(staticRow, now))
  const alone = rows.readStatic(table, key, { nowSeconds: now })
  expect(alone && contentOf(alone, true)).toEqual(model.read(staticRow, now))
  const backward = drain(rows.readPartition(table, key, { nowSeconds: now, reversed: true }))
  expect(backward.reverse()).toEqual(expected)
  for (const name of rowNames) {
    const row = rows.readRow(table, key, rowKey(name), { nowSeconds: now })
    expect(row && contentOf(row, false)).toEqual(model.read(name, now))
  }
}

function checkSlices(
  rows: RowReader,
  pk: number,
  model: PartitionModel,
  now: number,
  cuts: number[],
): void {
  const [from, to, from2, after] = cuts as [number, number, number, number]
  const [low, middle, high] = [from, to, from2].sort((x, y) => x - y) as [number, number, number]
  const slices = [
    { start: bound(low), end: bound(middle) },
    { start: bound(Math.min(9, middle + 1)), end: bound(high) },
  ]
  const inside = rowNames.filter((_, i) => (i >= low && i < middle) || (i > middle && i < high))
  const key = partition(table, pk)
  const place = rowNames[Math.min(8, after)]!
  for (const reversed of [false, true]) {
    const found = drain(
      rows.readPartition(table, key, { slices, reversed, after: rowKey(place), nowSeconds: now }),
    )
    const behind = inside.filter((name) =>
      reversed
        ? rowNames.indexOf(name) < rowNames.indexOf(place)
        : rowNames.indexOf(name) > rowNames.indexOf(place),
    )
    const expected = modelRows(model, now, behind)
    expect(found).toEqual(reversed ? expected.reverse() : expected)
  }
}

/** Everything a scan gives, resumed anew after every row, as paging does. */
function scanByPages(rows: RowReader, now: number): [number, Found][] {
  const found: [number, Found][] = []
  let after: Parameters<RowReader['scan']>[1] = { nowSeconds: now }
  for (;;) {
    const cursor = rows.scan(table, after)
    const resumed = after.after
    if (resumed?.clustering === undefined && !cursor.nextPartition()) return found
    const pk = Buffer.from(cursor.partition.bytes).readInt32BE()
    if (found.at(-1)?.[0] !== pk) found.push([pk, []])
    const isRow = cursor.nextRow()
    const key = partition(table, pk)
    if (isRow) found.at(-1)![1].push([nameOf(cursor.row), contentOf(cursor.row, false)])
    const next = isRow ? { partition: key, clustering: cursor.row.clustering! } : { partition: key }
    after = { nowSeconds: now, after: next }
  }
}

function checkScan(rows: RowReader, models: Map<number, PartitionModel>, now: number): void {
  const found: [number, Found][] = []
  const cursor = rows.scan(table, { nowSeconds: now })
  while (cursor.nextPartition()) {
    const pk = Buffer.from(cursor.partition.bytes).readInt32BE()
    const statics = cursor.staticRow
    expect(statics && contentOf(statics, true)).toEqual(models.get(pk)!.read(staticRow, now))
    found.push([pk, drain(cursor)])
    cursor.budget = Number.POSITIVE_INFINITY
  }
  const tokens = found.map(([pk]) => partition(table, pk).prefix)
  expect(tokens).toEqual([...tokens].sort())
  for (const pk of partitions) {
    const rowsOf = found.find(([other]) => other === pk)?.[1] ?? []
    expect(rowsOf).toEqual(modelRows(models.get(pk)!, now))
  }
  expect(scanByPages(rows, now)).toEqual(found)
}

function applyStep(
  store: RowStore,
  models: Map<number, PartitionModel>,
  writes: Write[],
  now: number,
): void {
  const mutations = writes.map(
    (one): Mutation => ({
      table,
      partition: partition(table, one.partition),
      timestamp: timestampOf(one.ts),
      ttl: one.ttl,
      changes: [changeOf(one.op)],
    }),
  )
  store.apply(mutations, now)
  for (const one of writes) applyToModel(models.get(one.partition)!, one, now)
}

describe('rows', () => {
  test('read as everything ever written says, in both directions, in slices and pages', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
        (steps, cuts) => {
          const store = openRowStore(new MemoryStore(), new FixedClock())
          const models = new Map(partitions.map((pk) => [pk, new PartitionModel()]))
          let now = 1_000_000
          for (const { writes, advance } of steps) {
            applyStep(store, models, writes, now)
            now += advance
          }
          for (const moment of [now, now + 3, now + 100]) {
            for (const pk of partitions) {
              checkPartition(store, pk, models.get(pk)!, moment)
              checkSlices(store, pk, models.get(pk)!, moment, cuts)
            }
            checkScan(store, models, moment)
          }
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 10_000 },
    )
  })

  test('read the same from a file, whether it has taken the writes in or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
        async (steps, cuts) => {
          const path = mkdtempSync(join(tmpdir(), 'tsylla-rows-'))
          const file = await openDiskStore(path, 'os')
          const store = openRowStore(file, new FixedClock())
          const models = new Map(partitions.map((pk) => [pk, new PartitionModel()]))
          for (const [index, { writes }] of steps.entries()) {
            applyStep(store, models, writes, 1_000_000)
            if (index % 2 === 0) await file.commit()
          }
          for (const pk of partitions) {
            checkPartition(store, pk, models.get(pk)!, 1_000_000)
            checkSlices(store, pk, models.get(pk)!, 1_000_000, cuts)
          }
          checkScan(store, models, 1_000_000)
          await file.close()
          rmSync(path, { recursive: true })
        },
      ),
      { numRuns: 25, interruptAfterTimeLimit: 6000 },
    )
  })

  test('do not depend on the order in which writes arrive', () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 2, maxLength: 10 }), (writes) => {
        const read = (order: readonly Write[]): unknown => {
          const store = openRowStore(new MemoryStore(), new FixedClock())
          const models = new Map(partitions.map((pk) => [pk, new PartitionModel()]))
          for (const one of order) applyStep(store, models, [one], 1_000_000)
          return partitions.map((pk) =>
            drain(store.readPartition(table, partition(table, pk), { nowSeconds: 1_000_001 })),
          )
        }
        expect(read([...writes].reverse())).toEqual(read(writes))
      }),
      { numRuns: 120, interruptAfterTimeLimit: 5000 },
    )
  })

  test('read the same after compaction, and as they were in a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.array(step, { minLength: 1, maxLength: 6 }),
        async (before, after) => {
          const clock = new FixedClock()
          const store = openRowStore(new MemoryStore(), clock)
          const models = new Map(partitions.map((pk) => [pk, new PartitionModel()]))
          const run = (steps: Step[]): void => {
            for (const { writes, advance } of steps) {
              applyStep(store, models, writes, clock.seconds)
              clock.seconds += advance
            }
          }
          run(before)
          const moment = clock.seconds
          const frozen = new Map(
            partitions.map((pk) => [pk, modelRows(models.get(pk)!, moment)] as const),
          )
          const snapshot = store.snapshot()
          await store.compact(() => table)
          run(after)
          await store.compact(() => table)
          checkScan(store, models, clock.seconds)
          for (const pk of partitions) {
            const key = partition(table, pk)
            const seen = drain(snapshot.readPartition(table, key, { nowSeconds: moment }))
            expect(seen).toEqual(frozen.get(pk))
          }
          snapshot.release()
        },
      ),
      { numRuns: 50, interruptAfterTimeLimit: 6000 },
    )
  })
})
