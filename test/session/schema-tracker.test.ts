import { describe, expect, test } from 'vitest'
import type { SchemaChange } from '../../src/protocol/index.ts'
import { SchemaChangeTracker } from '../../src/session/statement/schema-tracker.ts'

function changed(target: SchemaChange['target'], keyspace: string, name?: string): SchemaChange {
  return { change: 'UPDATED', target, keyspace, name, argumentTypes: undefined }
}

const onT = { keyspace: 'ks', table: 't', hasUserTypes: false }

describe('a log of schema changes', () => {
  test('reports which statements are older than a change of their table', () => {
    const log = new SchemaChangeTracker()
    const before = log.epoch
    log.note(changed('TABLE', 'ks', 't'))
    expect(log.hasChanged(before, onT)).toBe(true)
    expect(log.hasChanged(log.epoch, onT)).toBe(false)
    expect(log.hasChanged(before, { ...onT, table: 'u' })).toBe(false)
    expect(log.hasChanged(before, { ...onT, keyspace: 'other' })).toBe(false)
    expect(log.hasChanged(before, { ...onT, keyspace: undefined })).toBe(false)
  })

  test('a type concerns the statements of its keyspace that use types', () => {
    const log = new SchemaChangeTracker()
    const before = log.epoch
    log.note(changed('TYPE', 'ks', 'point'))
    expect(log.hasChanged(before, onT)).toBe(false)
    expect(log.hasChanged(before, { ...onT, hasUserTypes: true })).toBe(true)
  })

  test('keyspaces and functions change no bound value', () => {
    const log = new SchemaChangeTracker()
    log.note(changed('KEYSPACE', 'ks'))
    log.note(changed('FUNCTION', 'ks', 'f'))
    expect(log.epoch).toBe(0)
  })

  test('does not grow: what it forgot counts as changed', () => {
    const log = new SchemaChangeTracker()
    const before = log.epoch
    for (let i = 0; i < 5_000; i++) log.note(changed('TABLE', 'ks', `t${i}`))
    expect(log.hasChanged(before, onT)).toBe(true)
    expect(log.hasChanged(log.epoch, onT)).toBe(false)
  })
})
