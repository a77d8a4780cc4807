import type { KeyStamps } from '../../kernel/index.ts'
import type { Invalidation } from './epoch-names.ts'
import type { InvalidationBus } from './invalidation-bus.ts'
import type { KeyActivity } from './key-activity.ts'

/** A cache, as the others of its table in this process know it. */
export interface CachePeer {
  /** What is invalid leaves its memory. */
  forget(invalidation: Invalidation): void
  /** An epoch was raised. */
  learnEpoch(name: string, epoch: bigint): void
  /** Notifies other processes; `undefined` without a memory tier. */
  readonly bus: InvalidationBus | undefined
}

/** The caches of one table in this process, as long as they are in use. */
export class CachePeers {
  readonly #peers = new Set<WeakRef<CachePeer>>()

  add(peer: CachePeer): void {
    for (const known of this.#peers) if (known.deref() === undefined) this.#peers.delete(known)
    this.#peers.add(new WeakRef(peer))
  }

  *[Symbol.iterator](): Generator<CachePeer> {
    for (const known of this.#peers) {
      const peer = known.deref()
      if (peer !== undefined) yield peer
    }
  }
}

/** What all caches of one table in this process share. */
export interface CacheShared {
  readonly activity: KeyActivity
  readonly stamps: KeyStamps
  readonly peers: CachePeers
}
