import { TimeUuid } from '../../types/index.ts'
import type { ColumnSchema } from '../catalog/table-schema.ts'
import { invalid } from '../errors.ts'
import type { CellChange, RowView } from '../rows/index.ts'
import type { QueryContext } from '../query-context.ts'
import { splitCollection, ValueSet } from '../../values/index.ts'

/*
 * Elements of a list are cells whose path is a timeuuid. Appended elements get later times.
 * Prepended ones get times mirrored at a past date, which decrease over time (Lists.Prepender).
 */

/** Ticks of 2010-01-01T00:00:00Z in a version 1 UUID, the mirror of prepending. */
const mirrorTicks = TimeUuid.min(new Date('2010-01-01T00:00:00Z')).ticks

export function listAppend(
  changes: CellChange[],
  column: ColumnSchema,
  list: Uint8Array,
  { services }: QueryContext,
): void {
  for (const value of splitCollection(list)) {
    changes.push({ kind: 'setElement', column, path: services.nextTimeUuid(), value: value! })
  }
}

export function listPrepend(
  changes: CellChange[],
  column: ColumnSchema,
  list: Uint8Array,
  { services }: QueryContext,
): void {
  const values = splitCollection(list)
  for (let i = values.length - 1; i >= 0; i--) {
    const path = mirrored(services.nextTimeUuid())
    changes.push({ kind: 'setElement', column, path, value: values[i]! })
  }
}

function mirrored(timeUuid: Uint8Array): Uint8Array {
  const { ticks } = new TimeUuid(timeUuid)
  const reversed = mirrorTicks - (ticks - mirrorTicks)
  const result = new Uint8Array(timeUuid)
  const out = new DataView(result.buffer)
  out.setUint32(0, Number(reversed & 0xffff_ffffn))
  out.setUint16(4, Number((reversed >> 32n) & 0xffffn))
  out.setUint16(6, Number((reversed >> 48n) & 0x0fffn) | 0x1000)
  return result
}

/** Path of the element at an index. @throws ServerError when there is none */
export function listElementAt(
  existing: RowView | undefined,
  column: ColumnSchema,
  index: number,
  verb: 'set' | 'delete',
): Uint8Array {
  const elements = existing?.elements(column)
  if (elements === undefined) {
    throw invalid(
      verb === 'set'
        ? 'Attempted to set an element on a list which is null'
        : 'Attempted to delete an element from a list which is null',
    )
  }
  if (index < 0 || index >= elements.length) {
    throw invalid(`List index ${index} out of bound, list has size ${elements.length}`)
  }
  return new Uint8Array(elements.path(index))
}

/** Removes every element that equals one of `list`. */
export function listDiscard(
  changes: CellChange[],
  column: ColumnSchema,
  list: Uint8Array,
  existing: RowView | undefined,
): void {
  const elements = existing?.elements(column)
  if (elements === undefined || column.type.kind !== 'list') return
  const parts = splitCollection(list).filter((each) => each !== undefined)
  const unwanted = new ValueSet(column.type.element, parts)
  for (let i = 0; i < elements.length; i++) {
    if (unwanted.has(elements.value(i))) {
      changes.push({ kind: 'deleteElement', column, path: new Uint8Array(elements.path(i)) })
    }
  }
}
