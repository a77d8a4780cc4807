import { WireReader } from '../protocol/index.ts'

/** A shard that has a replica of a tablet. */
export interface TabletReplica {
  readonly hostId: string
  readonly shard: number
}

/** A range of tokens and its replicas, as a node of ScyllaDB describes them. */
export interface Tablet {
  /** The token before the first one of the range, in two halves. */
  readonly firstHigh: number
  readonly firstLow: number
  /** The last token of the range, in two halves. */
  readonly lastHigh: number
  readonly lastLow: number
  readonly replicas: readonly TabletReplica[]
  /** Of the list of replicas, 8 bytes; `undefined` from nodes that do not number it. */
  readonly version: Uint8Array | undefined
}

/** Compares tokens by their halves. */
export function compareTokens(aHigh: number, aLow: number, bHigh: number, bLow: number): number {
  return aHigh === bHigh ? (aLow >>> 0) - (bLow >>> 0) : aHigh - bHigh
}

/** Bytes of a replica: of the tuple, and of its uuid and its int, each behind a length. */
const replicaBytesMin = 4 + 4 + 16 + 4 + 4

/**
 * Reads the payload `tablets-routing-v1`, a `tuple<bigint, bigint, list<tuple<uuid, int>>>`, or
 * `tablets-routing-v2`, which ends with a version (protocol-extensions.md of ScyllaDB).
 *
 * @returns `undefined` when it is not well-formed
 */
export function readTablet(payload: Uint8Array, hasVersion: boolean): Tablet | undefined {
  try {
    const reader = new WireReader(payload)
    expectLength(reader, 8)
    const firstHigh = reader.readInt()
    const firstLow = reader.readInt()
    expectLength(reader, 8)
    const lastHigh = reader.readInt()
    const lastLow = reader.readInt()
    const listEnd = reader.readCount(1) + reader.offset
    const replicas: TabletReplica[] = []
    for (let left = reader.readCount(replicaBytesMin); left > 0; left--) {
      expectLength(reader, replicaBytesMin - 4)
      expectLength(reader, 16)
      const hostId = reader.readUuid()
      expectLength(reader, 4)
      replicas.push(Object.freeze({ hostId, shard: reader.readInt() }))
    }
    if (reader.offset !== listEnd) return undefined
    const version = hasVersion ? (reader.readBytes() ?? undefined) : undefined
    const isValid =
      reader.remaining === 0 &&
      replicas.length > 0 &&
      replicas.every(({ shard }) => shard >= 0) &&
      compareTokens(firstHigh, firstLow, lastHigh, lastLow) < 0 &&
      version?.length === (hasVersion ? 8 : undefined)
    return isValid
      ? Object.freeze({ firstHigh, firstLow, lastHigh, lastLow, replicas, version })
      : undefined
  } catch {
    return undefined
  }
}

/** @throws RangeError */
function expectLength(reader: WireReader, length: number): void {
  if (reader.readInt() !== length) throw new RangeError(`not ${length} bytes`)
}
