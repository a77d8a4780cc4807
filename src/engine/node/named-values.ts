import type { QueryParameters, RawValue } from '../../protocol/index.ts'
import type { ColumnSpec } from '../../types/index.ts'

/**
 * Values in the order of the markers; those sent by name are found by the markers' names, a name
 * serving every marker that has it (QueryOptions.OptionsWithNames). Their number is not checked.
 */
export function valuesFor(
  markers: readonly ColumnSpec[],
  { values, names }: QueryParameters,
): readonly RawValue[] {
  return names === undefined ? values : orderByName(markers, values, names)
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
