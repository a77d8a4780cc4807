import type { FunctionCall, Marker } from '../../cql/index.ts'
import type { ServerError } from '../../errors/index.ts'
import { type ColumnSpec, type CqlType, nativeTypes } from '../../types/index.ts'
import type { ColumnSchema, TableSchema } from '../catalog/table-schema.ts'
import type { TypeScope } from '../catalog/type-resolution.ts'
import { invalid } from '../errors.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import { type FunctionRegistry, systemFunctions } from '../functions/registry.ts'
import { undefinedColumn } from './messages.ts'

/** The target of a value: its type, and its name in errors and markers. */
export interface Receiver {
  readonly name: string
  readonly type: CqlType
  /** Set when the value is that of a whole column, which routing keys need. */
  readonly column?: ColumnSchema
  /** Table of a marker, if it is not that of the statement. */
  readonly keyspace?: string
  readonly table?: string
  /** Whether it is a list for IN, which reports nulls with another error. */
  readonly allowsNullElements?: boolean
}

/** Collects the markers and other findings while one statement is prepared. */
export class PrepareContext {
  readonly table: TableSchema
  readonly scope: TypeScope
  readonly functions: FunctionRegistry = systemFunctions
  readonly #markers: (ColumnSpec | undefined)[]
  readonly #targets: (ColumnSchema | undefined)[]
  readonly #resolvedCalls: Map<FunctionCall, Map<string, ScalarFunction | ServerError>> = new Map()

  /** @param markers shared by all parts of a batch */
  constructor(
    table: TableSchema,
    scope: TypeScope,
    markers: (ColumnSpec | undefined)[] = [],
    targets: (ColumnSchema | undefined)[] = [],
  ) {
    this.table = table
    this.scope = scope
    this.#markers = markers
    this.#targets = targets
  }

  /** Records a marker. It is described by its own name or by that of its receiver. */
  mark(marker: Marker, receiver: Receiver): void {
    this.#markers[marker.index] = {
      keyspace: receiver.keyspace ?? this.table.keyspace,
      table: receiver.table ?? this.table.name,
      name: marker.name ?? receiver.name,
      type: receiver.type,
    }
    this.#targets[marker.index] = receiver.column
  }

  /** Functions found for a call so far, or the errors of looking, by the type of the receiver. */
  resolvedCalls(call: FunctionCall): Map<string, ScalarFunction | ServerError> {
    let resolved = this.#resolvedCalls.get(call)
    if (resolved === undefined) {
      resolved = new Map()
      this.#resolvedCalls.set(call, resolved)
    }
    return resolved
  }

  column(name: string): ColumnSchema {
    const column = this.table.columns.get(name)
    if (column === undefined) throw invalid(undefinedColumn(name, this.table))
    return column
  }

  markers(): readonly ColumnSpec[] {
    return completeMarkers(this.#markers)
  }

  partitionKeyIndexes(): readonly number[] {
    return partitionKeyIndexes(this.table, this.#targets)
  }
}

/** Completes markers without a type. Cassandra refuses such statements earlier. */
export function completeMarkers(markers: readonly (ColumnSpec | undefined)[]): ColumnSpec[] {
  return Array.from(markers, (marker) => {
    return marker ?? { keyspace: '', table: '', name: '?', type: nativeTypes.blob }
  })
}

/**
 * Index of the marker of every partition key column, or nothing when one has none; of several
 * markers of a column the last (VariableSpecifications.getPartitionKeyBindVariableIndexes).
 */
export function partitionKeyIndexes(
  table: TableSchema,
  targets: readonly (ColumnSchema | undefined)[],
): number[] {
  const indexes = table.partitionKey.map((column) => {
    for (let i = targets.length - 1; i >= 0; i--) {
      if (targets[i]?.kind === 'partition_key' && targets[i]?.name === column.name) return i
    }
    return -1
  })
  return indexes.includes(-1) ? [] : indexes
}

export function columnReceiver(column: ColumnSchema): Receiver {
  return { name: column.name, type: column.type, column }
}
