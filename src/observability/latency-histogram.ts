/** A power of two is divided into this many buckets: values of one differ by at most 1/32. */
const bucketsPerPower = 32
const powerBits = 5
/** Longer times count as this: about 35 minutes, what fits into a signed 32-bit integer. */
const usMax = 2 ** 31 - 1
const bucketCount = (31 - powerBits) * bucketsPerPower + bucketsPerPower

/** Up to `bucketsPerPower` microseconds buckets hold one value, then their width doubles. */
function bucketOf(us: number): number {
  const shift = 31 - powerBits - Math.clz32(us | bucketsPerPower)
  return (shift << powerBits) + (us >>> shift)
}

/** Returns the largest value of a bucket. */
function lastOf(bucket: number): number {
  const shift = Math.max(0, (bucket >> powerBits) - 1)
  return (bucket - (shift << powerBits) + 1) * 2 ** shift - 1
}

/** Times that were measured up to the moment of the snapshot. */
export interface LatencyMetrics {
  readonly count: number
  readonly sumMs: number
  /** 0 without any. */
  readonly meanMs: number
  readonly maxMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /**
   * Returns the time within which `percentile` percent ended, up to 3 % too long; 0 without any.
   *
   * @param percentile 0 … 100
   */
  percentileMs(percentile: number): number
  /** Returns how many took at most `ms`, give or take those within 3 % of it. */
  countUpToMs(ms: number): number
}

class LatencySnapshot implements LatencyMetrics {
  readonly count: number
  readonly sumMs: number
  readonly meanMs: number
  readonly maxMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly #counts: Float64Array

  /** @param counts belongs to the snapshot */
  constructor(counts: Float64Array, sumUs: number, maxUs: number) {
    this.#counts = counts
    this.count = counts.reduce((sum, count) => sum + count, 0)
    this.sumMs = sumUs / 1_000
    this.meanMs = this.count === 0 ? 0 : this.sumMs / this.count
    this.maxMs = maxUs / 1_000
    this.p50Ms = this.percentileMs(50)
    this.p95Ms = this.percentileMs(95)
    this.p99Ms = this.percentileMs(99)
    this.p999Ms = this.percentileMs(99.9)
    Object.freeze(this)
  }

  percentileMs(percentile: number): number {
    if (this.count === 0) return 0
    const rank = Math.max(1, Math.ceil((percentile / 100) * this.count))
    let seen = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return Math.min(lastOf(bucket) / 1_000, this.maxMs)
    }
    return this.maxMs
  }

  countUpToMs(ms: number): number {
    let count = 0
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (lastOf(bucket) > ms * 1_000) break
      count += this.#counts[bucket]!
    }
    return count
  }
}

/**
 * Counts times in buckets whose width grows with the time: 7 kB, and a few nanoseconds per time.
 * The counts are doubles, because a busy bucket of 32 bits would overflow within days.
 */
export class LatencyHistogram {
  /** The buckets, then the sum and the longest time. */
  readonly #counts = new Float64Array(bucketCount + 2)

  /** @param us microseconds as the difference of two signed 32-bit integers */
  record(us: number): void {
    const counts = this.#counts
    const value = us > usMax || us < 0 ? usMax : us
    counts[bucketOf(value)]!++
    counts[bucketCount]! += value
    if (value > counts[bucketCount + 1]!) counts[bucketCount + 1] = value
  }

  snapshot(): LatencyMetrics {
    const counts = this.#counts
    const [sumUs, maxUs] = [counts[bucketCount]!, counts[bucketCount + 1]!]
    return new LatencySnapshot(counts.slice(0, bucketCount), sumUs, maxUs)
  }
}

/** What is counted of the requests to one node, whatever its address and its connections. */
export class NodeRecorder {
  /** From sending an attempt to its answer. */
  readonly latency: LatencyHistogram = new LatencyHistogram()
  /** Attempts that were not answered by the deadline of their request. */
  timeoutCount = 0
  /** Requests that went to another shard or node than the one that has their partition. */
  misroutedCount = 0
}
