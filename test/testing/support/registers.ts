import type { HistoryModel, HistoryOperation } from '../../../src/testing.ts'

/** Operations of a counter that stops at a limit, like those of a rate limiter. */
export type TakeOperation = HistoryOperation<number, boolean>

/** Admits exactly while the units fit. */
export function limitModel(limit: number): HistoryModel<number, number, boolean> {
  return {
    initial: () => 0,
    step(used, cost, ok) {
      const fits = used + cost <= limit
      if (ok === undefined) return fits ? [used + cost] : [used]
      if (ok !== fits) return []
      return ok ? [used + cost] : [used]
    },
  }
}

export type RegisterInput = { readonly write: number } | 'read'
/** What a read returns; `-1` for writes. */
export type RegisterOperation = HistoryOperation<RegisterInput, number>

export const registerModel: HistoryModel<number, RegisterInput, number> = {
  initial: () => 0,
  step(value, input, output) {
    if (input !== 'read') return [input.write]
    return output === undefined || output === value ? [value] : []
  },
}

/**
 * Whether there is an order, by trying all: of all operations that have an answer and any of those
 * that have none.
 */
export function hasOrder<State, Input, Output>(
  history: readonly HistoryOperation<Input, Output>[],
  model: HistoryModel<State, Input, Output>,
): boolean {
  const search = (state: State, left: readonly HistoryOperation<Input, Output>[]): boolean => {
    if (left.every(({ output }) => output === undefined)) return true
    return left.some((next) => {
      const isBlocked = left.some(
        (other) =>
          other !== next && other.output !== undefined && (other.return ?? Infinity) < next.call,
      )
      if (isBlocked) return false
      const rest = left.filter((other) => other !== next)
      return model.step(state, next.input, next.output).some((after) => search(after, rest))
    })
  }
  return search(model.initial(''), history)
}
