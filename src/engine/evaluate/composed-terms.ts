import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import type { QueryContext } from '../query-context.ts'
import { invalid } from '../errors.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import { partitionKeyOf } from '../keys/index.ts'
import { nullInCollection, unsetInCollection } from './messages.ts'
import { ComputedTerm, ConstantTerm, type Term } from './term.ts'
import { concatCells, int64Bytes } from '../../values/index.ts'

/** Constants do not use the context of a query. */
const noQuery = Object.freeze({}) as QueryContext

/** A constant when all parts are constants, so that its value is checked and built once. */
function composedTerm(parts: readonly Term[], compute: (query: QueryContext) => RawValue): Term {
  if (!parts.every((part) => part instanceof ConstantTerm)) return new ComputedTerm(compute)
  return new ConstantTerm(compute(noQuery) as Uint8Array | null)
}

/** A collection or vector of the values of its parts. */
export function collectionTerm(
  parts: readonly Term[],
  build: (cells: Uint8Array[]) => Uint8Array,
  nullMessage: string = nullInCollection,
): Term {
  return composedTerm(parts, (query) =>
    build(
      parts.map((part) => {
        const cell = part.evaluate(query)
        if (cell === null) throw invalid(nullMessage)
        if (cell === UNSET) throw invalid(unsetInCollection)
        return cell
      }),
    ),
  )
}

/** A tuple or user type of its fields; unset ones are null. */
export function tupleTerm(parts: readonly Term[]): Term {
  return composedTerm(parts, (query) =>
    concatCells(
      parts.map((part) => {
        const cell = part.evaluate(query)
        return cell === UNSET ? null : cell
      }),
    ),
  )
}

/** The result of a function. It is computed for every execution, even of constants. */
export function callTerm(called: ScalarFunction, args: readonly Term[]): Term {
  return new ComputedTerm((query) => {
    const cells = args.map((term) => {
      const value = term.evaluate(query)
      if (value === UNSET)
        throw invalid(`Invalid unset value for argument in call to function ${called.name}`)
      return value
    })
    return called.call(cells, query)
  })
}

/** The token of a partition key of a table. */
export function tokenTerm(table: TableSchema, args: readonly Term[]): Term {
  return composedTerm(args, (query) => {
    const components: Uint8Array[] = []
    for (const term of args) {
      const value = term.evaluate(query)
      if (value === UNSET || value === null) return null
      components.push(value)
    }
    const { tokenHi, tokenLo } = partitionKeyOf(table, components)
    return tokenBytes(tokenHi, tokenLo)
  })
}

export function tokenBytes(hi: number, lo: number): Uint8Array {
  return int64Bytes((BigInt(hi) << 32n) | BigInt(lo >>> 0))
}
