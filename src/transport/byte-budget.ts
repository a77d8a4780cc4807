/** Bounds the bytes that the connections of one session have in flight together. */
export class ByteBudget {
  readonly #bytesMax: number
  readonly #onRoom: () => void
  #bytes = 0

  /**
   * @param bytesMax bytes from which on nothing more is sent; the last frame may exceed it
   * @param onRoom called by {@link notifyRoom}
   */
  constructor(bytesMax: number, onRoom: () => void = () => {}) {
    this.#bytesMax = bytesMax
    this.#onRoom = onRoom
  }

  get bytes(): number {
    return this.#bytes
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** After this, call {@link notifyRoom} if the budget was spent before. */
  remove(bytes: number): void {
    this.#bytes -= bytes
  }

  /**
   * Reports that requests may be sent again, on any connection. Connections that carry requests of
   * the driver alone spend from the same budget, so their owners would have nothing to try again.
   */
  notifyRoom(): void {
    if (!this.isSpent) this.#onRoom()
  }
}
