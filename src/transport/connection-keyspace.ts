/**
 * The keyspace of one connection. In protocol version 4 a keyspace is a state of the connection
 * that only USE changes (decision 0008), so what a text means depends on when it is sent.
 */
export class ConnectionKeyspace {
  /** Keyspace that the last successful USE has set; `undefined` before the first one. */
  current: string | undefined
  /** Keyspace that the server has reported as nonexistent; the next successful USE clears it. */
  missing: string | undefined
  #usesInFlight = 0
  /** Texts that the node may still run or prepare. */
  #textCount = 0
  #onTextsEnded: (() => void)[] = []

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

  /** Records that a text is sent, which means whatever keyspace it finds on the node. */
  beginText(): void {
    this.#textCount++
  }

  /** Records that a text was answered, or has not left. */
  endText(): void {
    if (--this.#textCount === 0) this.endTexts()
  }

  /** The connection is lost: no text is awaited any more. */
  endTexts(): void {
    this.#textCount = 0
    const waiting = this.#onTextsEnded
    this.#onTextsEnded = []
    for (const resolve of waiting) resolve()
  }

  /**
   * Returns a promise that resolves when the node runs no text any more, or `undefined` when it
   * runs none. Nodes work on the requests of a connection side by side, so a USE that is sent
   * before that may change what a text means. Of a PREPARE it may change what other clients are
   * given as well: Cassandra reads the keyspace once to parse the text and once to store the result
   * (`org.apache.cassandra.cql3.QueryProcessor.prepare`).
   */
  whenTextsEnd(): Promise<void> | undefined {
    if (this.#textCount === 0) return undefined
    return new Promise((resolve) => this.#onTextsEnded.push(resolve))
  }

  /** Records that a USE is sent. The caller calls {@link endUse} when it has ended. */
  beginUse(): void {
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
