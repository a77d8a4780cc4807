import { expect, test } from 'vitest'
import {
  type CellChange,
  type Change,
  type Mutation,
  openRowStore,
  type RowChangeListener,
  type RowStore,
  type RowView,
} from '../../../src/engine/rows/index.ts'
import { MemoryStore, ValueRef } from '../../../src/engine/storage/index.ts'
import { timestampOf } from '../../../src/engine/timestamp.ts'
import { clustering, columns, FixedClock, partition, sampleTable } from './sample-table.ts'

const table = sampleTable()
const { a } = columns
const r = clustering(table, 1, 'r')

function mutation(ts: number, ...changes: Change[]): Mutation {
  const timestamp = timestampOf(BigInt(ts))
  return { table, partition: partition(table, 1), timestamp, ttl: 0, changes }
}

function set(value: string): Change {
  const cells: CellChange[] = [{ kind: 'set', column: a, value: Buffer.from(value) }]
  return { kind: 'row', clustering: r, liveness: false, cells }
}

function textOf(row: RowView | undefined): string | undefined {
  const value = row?.value(a)
  return value && Buffer.from(value).toString()
}

function open(listener: RowChangeListener): {
  kv: MemoryStore
  store: RowStore
  clock: FixedClock
} {
  const kv = new MemoryStore()
  const clock = new FixedClock()
  return { kv, clock, store: openRowStore(kv, clock, undefined, listener) }
}

test('a listener sees each row before and after a write', () => {
  const seen: unknown[] = []
  const { store, clock } = open(({ prefix, clustering: key }, before, after) => {
    expect([prefix, key]).toEqual([partition(table, 1).prefix, r.key])
    seen.push([textOf(before), textOf(after)])
  })
  store.apply([mutation(1, set('one'))])
  store.apply([mutation(3, set('three'))])
  store.apply([mutation(2, set('late'))])
  store.apply([mutation(4, { kind: 'deleteRow', clustering: r })])
  store.apply([{ ...mutation(5, set('short')), ttl: 10 }])
  clock.seconds += 10
  store.apply([mutation(6, set('new'))])
  expect(seen).toEqual([
    [undefined, 'one'],
    ['one', 'three'],
    ['three', 'three'],
    ['three', undefined],
    [undefined, 'short'],
    [undefined, 'new'],
  ])
})

test('a listener sees every step of a row that one batch changes more than once', () => {
  const seen: unknown[] = []
  const { store } = open((_row, before, after) => seen.push([textOf(before), textOf(after)]))
  store.apply([mutation(1, set('one')), mutation(2, set('two')), mutation(3, set('three'))])
  expect(seen).toEqual([
    [undefined, 'one'],
    ['one', 'three'],
  ])
})

test('what a listener adds is written with the row, or not at all', () => {
  let isBroken = false
  const { kv, store } = open((_row, _before, after, batch) => {
    batch.put(`\u0001index ${textOf(after)}`, new Uint8Array([1]))
    if (isBroken) throw new Error('broken')
  })
  const has = (text: string): boolean => kv.get(`\u0001index ${text}`, new ValueRef())
  store.apply([mutation(1, set('one'))])
  expect([has('one'), textOf(store.readRow(table, partition(table, 1), r))]).toEqual([true, 'one'])
  isBroken = true
  expect(() => store.apply([mutation(2, set('two'))])).toThrow('broken')
  expect([has('two'), textOf(store.readRow(table, partition(table, 1), r))]).toEqual([false, 'one'])
})
