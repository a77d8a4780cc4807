import type { Locator, Partition, Target } from './locator.ts'
import { compareTokens, type Tablet } from './tablet-payload.ts'

/** Tablets that are remembered; beyond that, the table that was learned of first is forgotten. */
export const tabletCountMax = 131_072
/** Tables whose tablets are remembered. */
export const tableCountMax = 1_000

interface Node {
  readonly hostId: string
}

/** A tablet with the nodes of its replicas, as far as they are known. */
interface LocatedTablet<N> {
  readonly tablet: Tablet
  readonly targets: readonly Target<N>[]
}

/** The tablets of one table that are known, in the order of their tokens. */
class TabletTable<N extends Node> {
  readonly keyspace: string
  readonly name: string
  tablets: LocatedTablet<N>[] = []

  constructor(keyspace: string, name: string) {
    this.keyspace = keyspace
    this.name = name
  }

  /** Index of the first tablet whose last token is not below the given one. */
  #indexOf(high: number, low: number): number {
    let from = 0
    let to = this.tablets.length
    while (from < to) {
      const middle = (from + to) >>> 1
      const { lastHigh, lastLow } = this.tablets[middle]!.tablet
      if (compareTokens(lastHigh, lastLow, high, low) < 0) from = middle + 1
      else to = middle
    }
    return from
  }

  find(high: number, low: number): LocatedTablet<N> | undefined {
    const found = this.tablets[this.#indexOf(high, low)]
    if (found === undefined) return undefined
    const { firstHigh, firstLow } = found.tablet
    return compareTokens(firstHigh, firstLow, high, low) < 0 ? found : undefined
  }

  /** Adds a tablet in the place of those that overlap it: they were split, merged or moved. */
  add(located: LocatedTablet<N>): void {
    const { firstHigh, firstLow, lastHigh, lastLow } = located.tablet
    let from = this.#indexOf(firstHigh, firstLow)
    const before = this.tablets[from]?.tablet
    // A tablet that ends where this one begins does not overlap it.
    if (before?.lastHigh === firstHigh && before.lastLow === firstLow) from++
    let to = from
    for (; to < this.tablets.length; to++) {
      const { tablet } = this.tablets[to]!
      if (compareTokens(tablet.firstHigh, tablet.firstLow, lastHigh, lastLow) >= 0) break
    }
    this.tablets.splice(from, to - from, located)
  }
}

const noReplicas: readonly never[] = Object.freeze([])

/**
 * The tablets of all tables, as far as nodes have described them: a node that receives a request
 * for a tablet of another shard says where that is. They outlive changes of the topology.
 */
export class Tablets<N extends Node> {
  readonly #keyspaces = new Map<string, Map<string, TabletTable<N>>>()
  /** All tables, the one that was learned of first at the front. */
  readonly #tables = new Set<TabletTable<N>>()
  #nodes: ReadonlyMap<string, N> = new Map()
  #count = 0
  /** Which part of a version {@link versionByteOf} says next. */
  #block = 0

  get count(): number {
    return this.#count
  }

  learn(keyspace: string, name: string, tablet: Tablet): void {
    const table = this.#keyspaces.get(keyspace)?.get(name) ?? this.#addTable(keyspace, name)
    const before = table.tablets.length
    table.add(this.#locate(tablet))
    this.#count += table.tablets.length - before
    while (this.#count > tabletCountMax) this.#forgetFirst()
  }

  #addTable(keyspace: string, name: string): TabletTable<N> {
    if (this.#tables.size >= tableCountMax) this.#forgetFirst()
    const table = new TabletTable<N>(keyspace, name)
    let tables = this.#keyspaces.get(keyspace)
    if (tables === undefined) {
      tables = new Map()
      this.#keyspaces.set(keyspace, tables)
    }
    tables.set(name, table)
    this.#tables.add(table)
    return table
  }

  #locate(tablet: Tablet): LocatedTablet<N> {
    const targets: Target<N>[] = []
    for (const [i, { hostId, shard }] of tablet.replicas.entries()) {
      const node = this.#nodes.get(hostId)
      const isLeader = i === 0 && tablet.version !== undefined
      if (node !== undefined) targets.push(Object.freeze({ node, shard, isLeader }))
    }
    return { tablet, targets }
  }

  #forgetFirst(): void {
    for (const table of this.#tables) {
      this.#drop(table)
      return
    }
  }

  #drop(table: TabletTable<N>): void {
    this.#tables.delete(table)
    this.#count -= table.tablets.length
    const tables = this.#keyspaces.get(table.keyspace)
    tables?.delete(table.name)
    if (tables?.size === 0) this.#keyspaces.delete(table.keyspace)
  }

  /** Forgets the tablets of a table, or of a keyspace, that was changed or dropped. */
  forget(keyspace: string, name?: string): void {
    const tables = this.#keyspaces.get(keyspace)
    if (tables === undefined) return
    for (const table of tables.values()) {
      if (name === undefined || table.name === name) this.#drop(table)
    }
  }

  /**
   * Takes the nodes that there are now. Tablets with a replica on a node that has left are
   * forgotten; those with one on a node that was not known wait for it.
   */
  adopt(nodes: readonly N[]): void {
    const before = this.#nodes
    this.#nodes = new Map(nodes.map((node) => [node.hostId, node]))
    const isSame = (node: N): boolean => before.get(node.hostId) === node
    if (before.size === nodes.length && nodes.every(isSame)) return
    const hasLeft = (hostId: string): boolean => before.has(hostId) && !this.#nodes.has(hostId)
    for (const table of this.#tables) {
      const kept = table.tablets.filter(
        ({ tablet }) => !tablet.replicas.some(({ hostId }) => hasLeft(hostId)),
      )
      this.#count -= table.tablets.length - kept.length
      table.tablets = kept.map(({ tablet }) => this.#locate(tablet))
    }
  }

  /** Returns the replicas of a partition, or `undefined` when its table has no known tablets. */
  replicasFor(partition: Partition): readonly Target<N>[] | undefined {
    if (this.#count === 0) return undefined
    const table = this.#keyspaces.get(partition.keyspace)?.get(partition.table)
    if (table === undefined) return undefined
    return table.find(partition.tokenHigh, partition.tokenLow)?.targets ?? noReplicas
  }

  /**
   * Returns what EXECUTE says about the version of a tablet (`TABLETS_ROUTING_V2`): in the high
   * four bits the number of a block of four bits, and that block of the version in the others. A
   * stale block matches by chance, so each request names another one.
   */
  versionByteOf({ keyspace, table, tokenHigh, tokenLow }: Partition): number {
    const block = (this.#block = (this.#block + 1) & 15)
    const found = this.#keyspaces.get(keyspace)?.get(table)?.find(tokenHigh, tokenLow)
    const byte = found?.tablet.version?.[7 - (block >> 1)] ?? 0
    return (block << 4) | ((block & 1) === 0 ? byte & 15 : byte >> 4)
  }
}

/** Locates replicas by tablets where tables have them, and elsewhere in another way. */
export class TabletLocator<N extends Node> implements Locator<N> {
  readonly targets: readonly Target<N>[]
  readonly #tablets: Tablets<N>
  readonly #keyspaces: ReadonlySet<string>
  readonly #others: Locator<N>

  /** @param keyspaces those whose tables have tablets: what is not known of them stays unknown */
  constructor(tablets: Tablets<N>, keyspaces: ReadonlySet<string>, others: Locator<N>) {
    this.targets = others.targets
    this.#tablets = tablets
    this.#keyspaces = keyspaces
    this.#others = others
  }

  replicasFor(partition: Partition): readonly Target<N>[] {
    const known = this.#tablets.replicasFor(partition)
    if (known !== undefined) return known
    if (this.#keyspaces.has(partition.keyspace)) return noReplicas
    return this.#others.replicasFor(partition)
  }
}
