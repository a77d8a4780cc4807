/**
 * The keyspace of one connection. In protocol version 4 a keyspace is a state of the connection
 * that only USE changes (decision 0008), so what a text means depends on when it is sent.
 */
export class ConnectionKeyspace {
  /** Keyspace that the last successful USE has set; `undefined` before the first one. */
  current: string | undefined
  /** Keyspace that the server has reported as nonexistent; the next successful USE clears it. */
  missing: string | undefined
  #useCount = 0
  #usesInFlight = 0

  /**
   * Number of USE requests that were sent. When it has changed while a request was in flight, that
   * request may have run in either keyspace.
   */
  get useCount(): number {
    return this.#useCount
  }

  /**
   * Returns whether a text that is sent now runs in `keyspace`. This includes a connection that has
   * no keyspace because `keyspace` does not exist: there, a text either qualifies its names or
   * fails.
   */
  isIn(keyspace: string | undefined): boolean {
    if (this.#usesInFlight > 0) return false
    return this.current === keyspace || (this.current === undefined && this.lacks(keyspace))
  }

  /** Returns whether the server has reported that `keyspace` does not exist. */
  lacks(keyspace: string | undefined): boolean {
    return keyspace !== undefined && this.missing === keyspace
  }

  /** Records that a USE is sent. The caller calls {@link endUse} when it has ended. */
  beginUse(): void {
    this.#useCount++
    this.#usesInFlight++
  }

  /** @param keyspace keyspace that the USE has set; `undefined` when the USE has failed */
  endUse(keyspace: string | undefined): void {
    this.#usesInFlight--
    if (keyspace === undefined) return
    this.current = keyspace
    this.missing = undefined
  }
}
