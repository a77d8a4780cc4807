/** What a row holds, and the id of the conditional write that made it so. */
export interface LwtVersion<State> {
  readonly state: State
  /**
   * UUID of the write, in its text form. Every write has its own, also one that changes nothing.
   */
  readonly op: string
}

/** Reads and conditionally replaces the state of one row. */
export interface LwtRows<Key, State> {
  /**
   * A serial read: no write whose proposal was accepted before it can be applied after it. A write
   * that is still on its way can, and its condition decides then.
   *
   * @returns `undefined` when there is no row
   */
  read(key: Key, timeoutMs: number): Promise<LwtVersion<State> | undefined>
  /**
   * Writes `after` if the row still has the version `before`; `undefined` when it has no row.
   *
   * @returns the version that the row has then, which is `after` when the write was applied
   */
  write(
    key: Key,
    before: LwtVersion<State> | undefined,
    after: LwtVersion<State>,
    timeoutMs: number,
  ): Promise<LwtVersion<State> | undefined>
}

/** What one request does to the state of a row. */
export interface LwtStep<State, Answer> {
  /** The state afterwards. The same object as before means that nothing is to be written. */
  readonly state: State | undefined
  readonly answer: Answer
  /**
   * How long ago the server may have reported the state, in milliseconds, for the answer to be
   * given without a write. An older state is read again first, and 0 means always. Default: the
   * last state that is known suffices, however old it is.
   */
  readonly maxAgeMs?: number
}

/**
 * The rules of one kind of row, as a state machine: pure functions, which the executor calls for
 * several waiting requests in a row, and again when another process wrote in between.
 */
export interface LwtMachine<State, Ask, Answer> {
  /**
   * @param state of the row; `undefined` when there is none, or when none is known yet
   * @param isRepeated whether an earlier write for this request may have been applied, and other
   *   writes followed: the state may contain its effect already
   */
  step(state: State | undefined, ask: Ask, isRepeated: boolean): LwtStep<State, Answer>
  /** Whether a state needs no longer be remembered, because its row is about to expire. */
  isPast?(state: State, nowMs: number): boolean
}
