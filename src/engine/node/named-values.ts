import { invalid } from '../faults.ts'
import type { RawValue } from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'

/**
 * Values in the order of the markers; those sent by name are found by the markers' names, a name
 * serving every marker that has it (QueryOptions.OptionsWithNames).
 * @throws ServerError when their number is not that of the markers
 */
export function valuesFor(
  markers: readonly ColumnSpec[],
  values: readonly RawValue[],
  names: readonly string[] | undefined,
  isPrepared: boolean,
): readonly RawValue[] {
  const ordered = names === undefined ? values : orderByName(markers, values, names)
  if (ordered.length !== markers.length) {
    throw invalid(
      isPrepared
        ? `there were ${markers.length} markers(?) in CQL but ${ordered.length} bound variables`
        : 'Invalid amount of bind variables',
    )
  }
  return ordered
}

function orderByName(
  markers: readonly ColumnSpec[],
  values: readonly RawValue[],
  names: readonly string[],
): RawValue[] {
  const ordered: RawValue[] = []
  for (const { name } of markers) {
    const index = names.indexOf(name)
    if (index !== -1) ordered.push(values[index]!)
  }
  return ordered
}
