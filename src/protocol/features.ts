import { ProtocolVersion } from './constants.ts'
import type { CompressionName } from './framing/compression.ts'

/**
 * Extensions of ScyllaDB that a client requests by naming them in STARTUP. Nodes offer them in
 * SUPPORTED (protocol-extensions.md of ScyllaDB; native_protocol_v4.spec §4.2.4).
 */
export const ScyllaExtension = {
  LWT_MARK: 'SCYLLA_LWT_ADD_METADATA_MARK',
  RATE_LIMIT_ERROR: 'SCYLLA_RATE_LIMIT_ERROR',
  TABLETS: 'TABLETS_ROUTING_V1',
  TABLETS_V2: 'TABLETS_ROUTING_V2_EXPERIMENTAL',
  METADATA_ID: 'SCYLLA_USE_METADATA_ID',
} as const
export type ScyllaExtension = (typeof ScyllaExtension)[keyof typeof ScyllaExtension]

/** The shard of a ScyllaDB node that serves a connection, and how tokens map to shards. */
export interface ShardFacts {
  readonly shard: number
  /** Number of shards of the node. */
  readonly count: number
  /** Most significant bits of a token that take no part in the choice of a shard. */
  readonly ignoreMsb: number
  /** Port on which the source port of the client chooses the shard. */
  readonly port: number | undefined
  /** The same with TLS. */
  readonly tlsPort: number | undefined
}

/** What both ends of a connection have agreed on. */
export interface ProtocolFeatures {
  readonly version: ProtocolVersion
  readonly compression: CompressionName | undefined
  /** `undefined` for a node that has no shards or maps tokens to them in an unknown way. */
  readonly shard: ShardFacts | undefined
  /**
   * Bit that marks conditional statements in the flags of {@link BindMetadata}. It may be the sign
   * bit: `(flags & mask) >>> 0 === mask`.
   */
  readonly lwtMarkMask: number | undefined
  /** Code of the error of a node that limits the rate of requests per partition. */
  readonly rateLimitErrorCode: number | undefined
  /**
   * How a node that is no replica of a partition answers with the replicas of its tablet. With
   * version 2, an EXECUTE ends with a byte about the version of the tablet.
   */
  readonly tablets: 1 | 2 | undefined
  /**
   * Whether PREPARE answers with an id of the result's columns, which EXECUTE sends back: the node
   * reports columns that have changed, and may leave out those that have not.
   */
  readonly hasMetadataId: boolean
  /** Whether the node is one of ScyllaDB: its extensions of CQL may be used. */
  readonly isScylla: boolean
}

/** What holds before anything is negotiated. */
export const initialFeatures: ProtocolFeatures = Object.freeze({
  version: ProtocolVersion.V4,
  compression: undefined,
  shard: undefined,
  lwtMarkMask: undefined,
  rateLimitErrorCode: undefined,
  tablets: undefined,
  hasMetadataId: false,
  isScylla: false,
})

/** The features that a client requests. */
export interface WantedFeatures {
  /** The latest version to speak. */
  readonly versionMax: ProtocolVersion
  readonly compression: CompressionName | undefined
  readonly extensions: readonly ScyllaExtension[]
  /** Further options of STARTUP: DRIVER_NAME, APPLICATION_NAME and the like. */
  readonly startup: ReadonlyMap<string, string>
}

/** Mandatory in STARTUP; every server of protocol v4 accepts it (v4 spec §4.1.1). */
const cqlVersion = '3.0.0'

/**
 * Chooses from what a node offers.
 *
 * @param supported options of SUPPORTED, whose values may be anything
 * @returns the options of STARTUP, and the features that the connection has after it
 */
export function negotiate(
  supported: ReadonlyMap<string, readonly string[]>,
  wanted: WantedFeatures,
): { readonly startup: ReadonlyMap<string, string>; readonly features: ProtocolFeatures } {
  const startup = new Map(wanted.startup)
  startup.set('CQL_VERSION', cqlVersion)
  const version = versionOf(supported, wanted)
  const isOffered = wanted.compression !== undefined && isIn(supported, wanted.compression)
  const compression = isOffered ? wanted.compression : undefined
  if (compression !== undefined) startup.set('COMPRESSION', compression)
  const offered = (extension: ScyllaExtension): string | undefined =>
    wanted.extensions.includes(extension) ? supported.get(extension)?.[0] : undefined

  const lwtMark = offered(ScyllaExtension.LWT_MARK)
  const mask = numberAfter('LWT_OPTIMIZATION_META_BIT_MASK=', lwtMark, 0xffff_ffff)
  // An empty mask would mark every statement.
  const lwtMarkMask = mask === 0 ? undefined : mask
  if (lwtMarkMask !== undefined) startup.set(ScyllaExtension.LWT_MARK, lwtMark!)
  const rateLimit = offered(ScyllaExtension.RATE_LIMIT_ERROR)
  const rateLimitErrorCode = numberAfter('ERROR_CODE=', rateLimit, 0x7fff_ffff)
  if (rateLimitErrorCode !== undefined) startup.set(ScyllaExtension.RATE_LIMIT_ERROR, '')
  const isTablets1 = offered(ScyllaExtension.TABLETS) !== undefined
  const isTablets2 = offered(ScyllaExtension.TABLETS_V2) !== undefined
  const tablets = isTablets2 ? 2 : isTablets1 ? 1 : undefined
  // Version 2 contains version 1: a client asks for one of them.
  if (isTablets2) startup.set(ScyllaExtension.TABLETS_V2, '')
  else if (isTablets1) startup.set(ScyllaExtension.TABLETS, '')
  const isMetadataIdOffered = offered(ScyllaExtension.METADATA_ID) !== undefined
  if (isMetadataIdOffered) startup.set(ScyllaExtension.METADATA_ID, '')

  const features: ProtocolFeatures = Object.freeze({
    version,
    compression,
    shard: shardFacts(supported),
    lwtMarkMask,
    rateLimitErrorCode,
    tablets,
    hasMetadataId: version === ProtocolVersion.V5 || isMetadataIdOffered,
    isScylla: [...supported.keys()].some((name) => name.startsWith('SCYLLA_')),
  })
  return { startup, features }
}

/**
 * A node lists the versions that it speaks, for example `5/v5` and `6/v6-beta`. One that lists none
 * speaks v4. Version 5 has no Snappy compression (native_protocol_v5.spec §2.2).
 */
function versionOf(
  supported: ReadonlyMap<string, readonly string[]>,
  { versionMax, compression }: WantedFeatures,
): ProtocolVersion {
  const isPossible = versionMax === ProtocolVersion.V5 && compression !== 'snappy'
  const isOffered = supported.get('PROTOCOL_VERSIONS')?.includes('5/v5') === true
  return isPossible && isOffered ? ProtocolVersion.V5 : ProtocolVersion.V4
}

function isIn(supported: ReadonlyMap<string, readonly string[]>, name: CompressionName): boolean {
  return supported.get('COMPRESSION')?.includes(name) === true
}

/** Most shards a node may claim: more than any machine has cores. */
const shardCountMax = 65_535

function shardFacts(supported: ReadonlyMap<string, readonly string[]>): ShardFacts | undefined {
  const number = (key: string, max: number): number | undefined =>
    numberAfter('', supported.get(key)?.[0], max)
  const count = number('SCYLLA_NR_SHARDS', shardCountMax)
  const shard = number('SCYLLA_SHARD', shardCountMax)
  const ignoreMsb = number('SCYLLA_SHARDING_IGNORE_MSB', 63)
  const algorithm = supported.get('SCYLLA_SHARDING_ALGORITHM')?.[0]
  const isKnown = algorithm === 'biased-token-round-robin'
  if (!isKnown || count === undefined || shard === undefined || ignoreMsb === undefined) {
    return undefined
  }
  if (shard >= count) return undefined
  // Nodes that do not listen there leave the option out, or say 0.
  const port = number('SCYLLA_SHARD_AWARE_PORT', 65_535) || undefined
  const tlsPort = number('SCYLLA_SHARD_AWARE_PORT_SSL', 65_535) || undefined
  return Object.freeze({ shard, count, ignoreMsb, port, tlsPort })
}

/** Reads a number of at most `max` behind a prefix; anything else is `undefined`. */
function numberAfter(prefix: string, text: string | undefined, max: number): number | undefined {
  if (text?.startsWith(prefix) !== true) return undefined
  const digits = text.slice(prefix.length)
  if (!/^\d{1,10}$/.test(digits)) return undefined
  const value = Number(digits)
  return value <= max ? value : undefined
}
