import type { CqlType } from '../../types/index.ts'
import type { QueryContext } from '../query-context.ts'

export type Cell = Uint8Array | null

/** A native scalar function of the keyspace `system`. */
export interface ScalarFunction {
  readonly name: string
  readonly args: readonly CqlType[]
  readonly returns: CqlType
  /** Whether equal arguments always have equal results. */
  readonly isPure: boolean
  /** @param args may contain null, which also replaces unset values */
  call(args: readonly Cell[], query: QueryContext): Cell
}

export function define(
  name: string,
  args: readonly CqlType[],
  returns: CqlType,
  call: ScalarFunction['call'],
  isPure = true,
): ScalarFunction {
  return { name, args, returns, isPure, call }
}
