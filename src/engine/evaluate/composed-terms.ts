import { type RawValue, UNSET } from '../../protocol/index.ts'
import type { TableSchema } from '../catalog/table-schema.ts'
import type { Environment } from '../environment.ts'
import { invalid } from '../faults.ts'
import type { ScalarFunction } from '../functions/definitions.ts'
import { partitionKeyOf } from '../keys/index.ts'
import { nullInCollection, unsetInCollection } from './messages.ts'
import { ComputedTerm, ConstantTerm, type Term } from './term.ts'
import { concatCells, int64Bytes } from '../../values/index.ts'

/** Constants ask nothing of their environment. */
const noEnvironment = Object.freeze({}) as Environment

/** A constant when all parts are constants, so that its value is checked and built once. */
function composedTerm(
  parts: readonly Term[],
  compute: (environment: Environment) => RawValue,
): Term {
  if (!parts.every((part) => part instanceof ConstantTerm)) return new ComputedTerm(compute)
  return new ConstantTerm(compute(noEnvironment) as Uint8Array | null)
}

/** A collection or vector of the values of its parts. */
export function collectionTerm(
  parts: readonly Term[],
  build: (cells: Uint8Array[]) => Uint8Array,
  nullMessage: string = nullInCollection,
): Term {
  return composedTerm(parts, (environment) =>
    build(
      parts.map((part) => {
        const cell = part.evaluate(environment)
        if (cell === null) throw invalid(nullMessage)
        if (cell === UNSET) throw invalid(unsetInCollection)
        return cell
      }),
    ),
  )
}

/** A tuple or user type of its fields; unset ones are null. */
export function tupleTerm(parts: readonly Term[]): Term {
  return composedTerm(parts, (environment) =>
    concatCells(
      parts.map((part) => {
        const cell = part.evaluate(environment)
        return cell === UNSET ? null : cell
      }),
    ),
  )
}

/** The result of a function. It is computed for every execution, even of constants. */
export function callTerm(called: ScalarFunction, args: readonly Term[]): Term {
  return new ComputedTerm((environment) => {
    const cells = args.map((term) => {
      const value = term.evaluate(environment)
      if (value === UNSET)
        throw invalid(`Invalid unset value for argument in call to function ${called.name}`)
      return value
    })
    return called.call(cells, environment)
  })
}

/** The token of a partition key of a table. */
export function tokenTerm(table: TableSchema, args: readonly Term[]): Term {
  return composedTerm(args, (environment) => {
    const components: Uint8Array[] = []
    for (const term of args) {
      const value = term.evaluate(environment)
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
