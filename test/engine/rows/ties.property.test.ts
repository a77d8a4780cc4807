import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openRowStore } from '../../../src/engine/rows/index.ts'
import { MemoryStore } from '../../../src/engine/storage/index.ts'
import { PartitionModel } from './row-model.ts'
import { clustering, columns, FixedClock, partition, sampleTable } from './sample-table.ts'
import { timestampOf } from '../../../src/engine/timestamp.ts'

const table = sampleTable()
const { a } = columns

/** Writes to one cell of one row, close together in time: nearly every pair of them is a tie. */
const write = fc.record({
  ts: fc.constantFrom(1n, 1n, 1n, 2n),
  ttl: fc.constantFrom(0, 4, 5, 6),
  value: fc.constantFrom(undefined, '', 'x', 'y'),
  kind: fc.constantFrom('set', 'set', 'insert', 'deleteRow'),
  advance: fc.constantFrom(0, 0, 1),
})

describe('ties', () => {
  test('are broken as Cassandra breaks them, cell by cell and for the row itself', () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 6 }), (writes) => {
        const store = openRowStore(new MemoryStore(), new FixedClock())
        const model = new PartitionModel()
        const key = partition(table, 1)
        const row = clustering(table, 1, 'r')
        let now = 1_000_000
        for (const { ts, ttl, value, kind, advance } of writes) {
          const mutation = { table, partition: key, timestamp: timestampOf(ts), ttl }
          if (kind === 'insert') {
            const change = { kind: 'row', clustering: row, liveness: true, cells: [] } as const
            store.apply([{ ...mutation, changes: [change] }], now)
            model.liveness.push({ row: 'r', ts, ttl, time: now + ttl })
          } else if (kind === 'deleteRow' && ts === 1n && value === undefined) {
            store.apply([{ ...mutation, changes: [{ kind: 'deleteRow', clustering: row }] }], now)
            model.rowDeletions.push({ row: 'r', ts })
          } else {
            const cell =
              value === undefined
                ? ({ kind: 'delete', column: a } as const)
                : ({ kind: 'set', column: a, value: Buffer.from(value) } as const)
            const change = { kind: 'row', clustering: row, liveness: false, cells: [cell] } as const
            store.apply([{ ...mutation, changes: [change] }], now)
            model.cells.push({
              row: 'r',
              column: 'a',
              path: undefined,
              ts,
              ttl: value === undefined ? 0 : ttl,
              time: value === undefined ? now : now + ttl,
              value: value === undefined ? undefined : Buffer.from(value),
            })
          }
          now += advance
        }
        for (let moment = now; moment < now + 8; moment++) {
          const found = store.readRow(table, key, row, { nowSeconds: moment })
          const content = found && {
            ...(found.value(a) === undefined
              ? {}
              : {
                  a: `${Buffer.from(found.value(a)!).toString()}@${found.timestamp(a)}~${found.expiresAt(a) ?? ''}`,
                }),
          }
          expect(content).toEqual(model.read('r', moment))
        }
      }),
      { numRuns: 1500, interruptAfterTimeLimit: 5000 },
    )
  })
})
