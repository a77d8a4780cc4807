import { WireWriter } from '../protocol/index.ts'
import { parseUuidInto } from '../types/index.ts'

/** A shard that has a copy of a tablet. */
export interface SimulatedReplica {
  /** Host id of the node. */
  readonly hostId: string
  readonly shard: number
}

/** A range of tokens of one table, and the shards that have it. */
export interface SimulatedTablet {
  readonly keyspace: string
  readonly table: string
  /** The token before the first one of the range. */
  readonly firstToken: bigint
  /** The last token of the range. */
  readonly lastToken: bigint
  readonly replicas: readonly SimulatedReplica[]
}

const tokenMin = -(2n ** 63n)

/** The tablets of all tables, which are made when they are first asked for. */
export class TabletMap {
  readonly #countPerTable: number
  readonly #place: (replication: ReadonlyMap<string, string>, index: number) => SimulatedReplica[]
  readonly #tables = new Map<string, SimulatedTablet[]>()

  /** @param place chooses the replicas of the tablet with a number */
  constructor(
    countPerTable: number,
    place: (replication: ReadonlyMap<string, string>, index: number) => SimulatedReplica[],
  ) {
    this.#countPerTable = countPerTable
    this.#place = place
  }

  /** Returns the tablets of a table in the order of their tokens. */
  tabletsOf(
    keyspace: string,
    table: string,
    replication: ReadonlyMap<string, string>,
  ): readonly SimulatedTablet[] {
    const key = JSON.stringify([keyspace, table])
    let tablets = this.#tables.get(key)
    if (tablets === undefined) {
      const width = 2n ** 64n / BigInt(this.#countPerTable)
      tablets = Array.from({ length: this.#countPerTable }, (_, index) => ({
        ...{ keyspace, table, replicas: this.#place(replication, index) },
        firstToken: tokenMin + width * BigInt(index),
        lastToken: tokenMin + width * BigInt(index + 1) - 1n,
      }))
      this.#tables.set(key, tablets)
    }
    return tablets
  }

  /** Returns the tablets of a table that requests have named; none where none has. */
  knownTablets(keyspace: string, table: string): readonly SimulatedTablet[] {
    return this.#tables.get(JSON.stringify([keyspace, table])) ?? []
  }

  /** @returns the tablet as it is then; `undefined` when there is no such range */
  move(
    tablet: SimulatedTablet,
    replicas: readonly SimulatedReplica[],
  ): SimulatedTablet | undefined {
    const tablets = this.#tables.get(JSON.stringify([tablet.keyspace, tablet.table]))
    const index = tablets?.findIndex(({ lastToken }) => lastToken === tablet.lastToken) ?? -1
    if (tablets === undefined || index < 0) return undefined
    const moved = { ...tablets[index]!, replicas: [...replicas] }
    tablets[index] = moved
    return moved
  }
}

/**
 * The payload `tablets-routing-v1`, a `tuple<bigint, bigint, list<tuple<uuid, int>>>`
 * (protocol-extensions.md of ScyllaDB).
 */
export function encodeTablet({
  firstToken,
  lastToken,
  replicas,
}: Pick<SimulatedTablet, 'firstToken' | 'lastToken' | 'replicas'>): Uint8Array {
  const writer = new WireWriter(64 + replicas.length * 32)
  for (const token of [firstToken, lastToken]) {
    writer.writeInt(8)
    writer.writeInt(Number(token >> 32n))
    writer.writeInt(Number(token & 0xffff_ffffn) | 0)
  }
  const uuid = new Uint8Array(16)
  writer.writeInt(4 + replicas.length * 32)
  writer.writeInt(replicas.length)
  for (const { hostId, shard } of replicas) {
    parseUuidInto(hostId, uuid, 0)
    writer.writeInt(28)
    writer.writeInt(16)
    writer.writeUuid(uuid)
    writer.writeInt(4)
    writer.writeInt(shard)
  }
  return writer.copyFrom(0)
}
