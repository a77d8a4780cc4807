/** Buckets of the lookup table: one for each value of a token's top 12 bits. */
const bucketCount = 4096

/**
 * The tokens of all nodes in order. The position of a key's token is found through a table of
 * buckets and a short walk: half the cost of a binary search over 768 tokens.
 */
export class TokenRing {
  /** Number of tokens. */
  readonly size: number
  /** By position: index of the node that owns the token. */
  readonly owners: Int32Array
  readonly #high: Int32Array
  readonly #low: Uint32Array
  /** By bucket: the first position whose token lies in it or behind it. */
  readonly #starts: Int32Array

  /** @param tokensOfNodes by node index: its tokens, as signed 64-bit numbers */
  constructor(tokensOfNodes: readonly (readonly bigint[])[]) {
    const entries = tokensOfNodes.flatMap((tokens, owner) =>
      tokens.map((value) => ({ value, owner })),
    )
    entries.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.owner - b.owner))
    this.size = entries.length
    this.owners = Int32Array.from(entries, (entry) => entry.owner)
    this.#high = Int32Array.from(entries, (entry) => Number(entry.value >> 32n))
    this.#low = Uint32Array.from(entries, (entry) => Number(entry.value & 0xffff_ffffn))
    this.#starts = new Int32Array(bucketCount)
    let position = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      while (position < this.size && bucketOf(this.#high[position]!) < bucket) position++
      this.#starts[bucket] = position
    }
  }

  /**
   * Position of the token range that holds (high, low): of the first token not below it, since a
   * node owns the range that ends with its token. Beyond the last token the ring begins again.
   */
  positionOf(high: number, low: number): number {
    const highs = this.#high
    const unsigned = low >>> 0
    let i = this.#starts[bucketOf(high)]!
    while (i < this.size) {
      const at = highs[i]!
      if (at > high || (at === high && this.#low[i]! >= unsigned)) return i
      i++
    }
    return 0
  }
}

/** Top 12 bits after moving the smallest token to 0. */
function bucketOf(high: number): number {
  return (high ^ 0x8000_0000) >>> 20
}
