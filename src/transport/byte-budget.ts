/** Bounds the bytes that the connections of one session have in flight together. */
export class ByteBudget {
  readonly #bytesMax: number
  #bytes = 0

  /** @param bytesMax bytes from which on nothing more is sent; the last frame may exceed it */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
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

  remove(bytes: number): void {
    this.#bytes -= bytes
  }
}
