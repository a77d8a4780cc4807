import { warn } from '../observability/index.ts'
import type { ShardFacts } from '../protocol/index.ts'
import type { RandomSource } from '../util/index.ts'

/** Where a connection to a chosen shard goes, and which port of this machine it comes from. */
export interface ShardSource {
  /** Shard-aware port of the node. */
  readonly port: number
  /** The node gives the connection to shard `localPort % count`. */
  readonly localPort: number
}

/** Ports of this machine that connections to shard-aware ports may come from, both included. */
export interface LocalPorts {
  readonly min: number
  readonly max: number
}

/** The dynamic ports (RFC 6335 §6), which the other drivers of ScyllaDB use. */
export const defaultLocalPorts: LocalPorts = Object.freeze({ min: 49_152, max: 65_535 })

export interface ShardPortOptions {
  /** Address of the node, for warnings. */
  readonly address: string
  /** Returns the shard-aware port of the node, or `undefined` when it is not to be used. */
  readonly portOf: (facts: ShardFacts) => number | undefined
  readonly localPorts: LocalPorts
  readonly random: RandomSource
  /** Milliseconds that never go backwards. */
  readonly nowMs: () => number
}

/** Connections in a row that fail, or reach another shard than the chosen one. */
export const missCountMax = 3
/** Local ports in a row that are in use. */
export const busyPortCountMax = 16
/** How long the port is not used after that. The other drivers of ScyllaDB wait as long. */
export const shardPortPauseMs = 300_000

/**
 * The shard-aware port of one node, where the local port of a connection chooses the shard. A
 * network that rewrites local ports makes it useless, and a firewall may block it: then it is left
 * alone for a while.
 */
export class ShardPort {
  readonly #options: ShardPortOptions
  #missCount = 0
  #busyCount = 0
  #pausedUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: ShardPortOptions) {
    this.#options = options
  }

  /** Returns how to reach a shard, or `undefined` when the normal port has to do. */
  sourceOf(facts: ShardFacts, shard: number): ShardSource | undefined {
    const { portOf, localPorts, random, nowMs } = this.#options
    const port = portOf(facts)
    if (port === undefined || nowMs() < this.#pausedUntilMs) return undefined
    const { count } = facts
    const first = localPorts.min + ((shard - (localPorts.min % count) + count) % count)
    const choiceCount = Math.floor((localPorts.max - first) / count) + 1
    // A node may have more shards than there are ports.
    if (choiceCount <= 0) return undefined
    return { port, localPort: first + count * Math.floor(random() * choiceCount) }
  }

  /** A connection through the port was made. */
  onConnected(shard: number, reached: number | undefined): void {
    this.#busyCount = 0
    if (reached === shard) this.#missCount = 0
    else this.#onMiss(`a connection to shard ${shard} has reached ${reached ?? 'none'}`)
  }

  /** A connection through the port could not be made. */
  onFailed(error: Error): void {
    const { code } = (error.cause ?? {}) as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') {
      this.#onMiss(error.message)
    } else if (++this.#busyCount >= busyPortCountMax) this.#pause('local ports are in use')
  }

  #onMiss(reason: string): void {
    if (++this.#missCount >= missCountMax) this.#pause(reason)
  }

  #pause(reason: string): void {
    const { address } = this.#options
    const nowMs = this.#options.nowMs()
    this.#missCount = 0
    this.#busyCount = 0
    // Connections that were under way when the port was given up fail alike.
    if (nowMs < this.#pausedUntilMs) return
    this.#pausedUntilMs = nowMs + shardPortPauseMs
    const pause = `${shardPortPauseMs / 1_000} s`
    warn(address, `The shard-aware port of ${address} is not used for ${pause}: ${reason}`)
  }

  /** The node has started again, maybe in another network: what was learned is forgotten. */
  reset(): void {
    this.#missCount = 0
    this.#busyCount = 0
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY
  }
}
