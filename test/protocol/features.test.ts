import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  initialFeatures,
  negotiate,
  ProtocolVersion,
  ScyllaExtension,
  type WantedFeatures,
} from '../../src/protocol/index.ts'

const nothing: WantedFeatures = {
  versionMax: ProtocolVersion.V4,
  ...{ compression: undefined, extensions: [], startup: new Map() },
}
const everything: WantedFeatures = {
  versionMax: ProtocolVersion.V5,
  compression: 'lz4',
  extensions: Object.values(ScyllaExtension),
  startup: new Map([['DRIVER_NAME', 'test']]),
}

const scylla = new Map([
  ['CQL_VERSION', ['3.3.1']],
  ['COMPRESSION', ['lz4', 'snappy']],
  ['SCYLLA_SHARD', ['3']],
  ['SCYLLA_NR_SHARDS', ['12']],
  ['SCYLLA_SHARDING_IGNORE_MSB', ['12']],
  ['SCYLLA_SHARDING_ALGORITHM', ['biased-token-round-robin']],
  ['SCYLLA_PARTITIONER', ['org.apache.cassandra.dht.Murmur3Partitioner']],
  ['SCYLLA_SHARD_AWARE_PORT', ['19042']],
  ['SCYLLA_SHARD_AWARE_PORT_SSL', ['19142']],
  ['SCYLLA_LWT_ADD_METADATA_MARK', ['LWT_OPTIMIZATION_META_BIT_MASK=2147483648']],
  ['SCYLLA_RATE_LIMIT_ERROR', ['ERROR_CODE=61440']],
  ['TABLETS_ROUTING_V1', ['']],
])

describe('negotiation', () => {
  test('takes from a ScyllaDB node all that both sides know', () => {
    const { startup, features } = negotiate(scylla, everything)
    expect(features).toEqual({
      version: 4,
      compression: 'lz4',
      shard: { shard: 3, count: 12, ignoreMsb: 12, port: 19_042, tlsPort: 19_142 },
      lwtMarkMask: 0x8000_0000,
      rateLimitErrorCode: 61_440,
      tablets: 1,
      hasMetadataId: false,
      isScylla: true,
    })
    expect(Object.fromEntries(startup)).toEqual({
      CQL_VERSION: '3.0.0',
      COMPRESSION: 'lz4',
      DRIVER_NAME: 'test',
      SCYLLA_LWT_ADD_METADATA_MARK: 'LWT_OPTIMIZATION_META_BIT_MASK=2147483648',
      SCYLLA_RATE_LIMIT_ERROR: '',
      TABLETS_ROUTING_V1: '',
    })
  })

  test('asks for one version of tablets only', () => {
    const both = new Map([...scylla, ['TABLETS_ROUTING_V2_EXPERIMENTAL', ['']]])
    const { startup, features } = negotiate(both, everything)
    expect(features.tablets).toBe(2)
    expect(startup.get('TABLETS_ROUTING_V2_EXPERIMENTAL')).toBe('')
    expect(startup.has('TABLETS_ROUTING_V1')).toBe(false)
  })

  test('asks for no extension that is not wanted; shards are facts all the same', () => {
    const { startup, features } = negotiate(scylla, nothing)
    expect(Object.fromEntries(startup)).toEqual({ CQL_VERSION: '3.0.0' })
    expect(features).toEqual({ ...initialFeatures, shard: features.shard, isScylla: true })
    expect(features.shard?.count).toBe(12)
  })

  test('asks for nothing that a node does not offer', () => {
    const { startup, features } = negotiate(new Map([['COMPRESSION', ['snappy']]]), everything)
    expect(Object.fromEntries(startup)).toEqual({ CQL_VERSION: '3.0.0', DRIVER_NAME: 'test' })
    expect(features).toEqual(initialFeatures)
  })

  test.each([
    ['SCYLLA_SHARDING_ALGORITHM', 'another'],
    ['SCYLLA_SHARD', '12'],
    ['SCYLLA_SHARD', '-1'],
    ['SCYLLA_NR_SHARDS', '0'],
    ['SCYLLA_NR_SHARDS', '1e3'],
    ['SCYLLA_SHARDING_IGNORE_MSB', '64'],
  ])('a node whose %s is %s has no shards that are known', (key, value) => {
    const { features } = negotiate(new Map([...scylla, [key, [value]]]), everything)
    expect(features.shard).toBeUndefined()
  })

  test.each([
    ['SCYLLA_LWT_ADD_METADATA_MARK', 'LWT_OPTIMIZATION_META_BIT_MASK=x'],
    // Every statement has the bits of an empty mask.
    ['SCYLLA_LWT_ADD_METADATA_MARK', 'LWT_OPTIMIZATION_META_BIT_MASK=0'],
    ['SCYLLA_LWT_ADD_METADATA_MARK', 'LWT_OPTIMIZATION_META_BIT_MASK=4294967296'],
    ['SCYLLA_RATE_LIMIT_ERROR', '61440'],
  ])('an extension %s offered as %s is not asked for', (key, value) => {
    const { startup } = negotiate(new Map([...scylla, [key, [value]]]), everything)
    expect(startup.has(key)).toBe(false)
  })

  test('survives whatever a node says', () => {
    const anything = fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom(...scylla.keys()), fc.string()),
        fc.array(fc.oneof(fc.string(), fc.nat().map(String)), { maxLength: 2 }),
      ),
    )
    fc.assert(
      fc.property(anything, (options) => {
        const { startup, features } = negotiate(new Map(options), everything)
        expect(startup.get('CQL_VERSION')).toBe('3.0.0')
        expect(Object.isFrozen(features)).toBe(true)
        const { shard } = features
        if (shard !== undefined) expect(shard.shard).toBeLessThan(shard.count)
      }),
    )
  })

  test.each([
    [['3/v3', '4/v4', '5/v5', '6/v6-beta'], 'lz4', 5, 5],
    [['3/v3', '4/v4', '5/v5', '6/v6-beta'], 'lz4', 4, 4],
    // Version 5 has no Snappy.
    [['3/v3', '4/v4', '5/v5'], 'snappy', 5, 4],
    [['3/v3', '4/v4', '5/v5-beta'], undefined, 5, 4],
    [['4/v4'], undefined, 5, 4],
    [undefined, undefined, 5, 4],
  ] as const)(
    'of the versions %j with the compression %s and at most %i it speaks %i',
    (versions, compression, versionMax, expected) => {
      const supported = new Map<string, readonly string[]>([['COMPRESSION', ['snappy', 'lz4']]])
      if (versions !== undefined) supported.set('PROTOCOL_VERSIONS', versions)
      const { features } = negotiate(supported, { ...nothing, compression, versionMax })
      expect(features).toMatchObject({ version: expected, compression })
      expect(features.hasMetadataId).toBe(expected === 5)
    },
  )

  test('an id of result columns is negotiated in version 4 of ScyllaDB too', () => {
    const supported = new Map([[ScyllaExtension.METADATA_ID, ['']]])
    const { startup, features } = negotiate(supported, everything)
    expect(features).toMatchObject({ version: 4, hasMetadataId: true })
    expect(startup.get(ScyllaExtension.METADATA_ID)).toBe('')
    expect(negotiate(supported, nothing).features.hasMetadataId).toBe(false)
  })
})
