/** One operation of a history: what was asked, and what came back. */
export interface HistoryOperation<Input, Output> {
  /** Operations with different keys do not influence each other. Default: one key for all. */
  readonly key?: string | undefined
  /** What was asked: plain data, maps, sets, bigints. */
  readonly input: Input
  /**
   * The answer. `undefined` when it is not known: the operation may have taken effect, or may do so
   * later.
   */
  readonly output?: Output | undefined
  /** When it was called, by a clock that all callers share. */
  readonly call: number
  /** When it was answered. Not looked at without an `output`. */
  readonly return?: number | undefined
  /** Who called it, for messages. */
  readonly process?: string | number | undefined
}

/** A rule that something in a history breaks. */
export interface Violation<Event> {
  readonly event: Event
  /** Position of the event in the history. */
  readonly index: number
  readonly reason: string
}

/**
 * Goes through events in their order and checks something that must hold after each of them.
 *
 * @param step the state after an event
 * @param holds `true`, or a text that says what is wrong
 * @returns what is wrong; an empty list when nothing is
 *
 * @example
 * const violations = foldInvariant(admissions, 0, (sum, { cost }) => sum + cost, (sum) =>
 *   sum <= limit || `${sum} units are admitted, more than ${limit}`)
 */
export function foldInvariant<State, Event>(
  events: Iterable<Event>,
  initial: State,
  step: (state: State, event: Event) => State,
  holds: (state: State, event: Event) => true | string,
): readonly Violation<Event>[] {
  const violations: Violation<Event>[] = []
  let state = initial
  let index = 0
  for (const event of events) {
    state = step(state, event)
    const verdict = holds(state, event)
    if (verdict !== true) violations.push({ event, index, reason: verdict })
    index++
  }
  return violations
}
