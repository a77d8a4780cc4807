import { describe, expect, test } from 'vitest'
import { ClosedError } from '../../src/errors/index.ts'
import { initialFeatures, Opcode, ProtocolVersion } from '../../src/protocol/index.ts'
import { type Connection, Connector, DeadlineTimer } from '../../src/transport/index.ts'
import { type Exchange, ScriptedNode } from '../support/scripted-node.ts'
import { runtimeWithClock } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const mark = 'LWT_OPTIMIZATION_META_BIT_MASK=2147483648'

/** Opens a connection to a node that offers these options. */
async function open(
  supported: ReadonlyMap<string, readonly string[]>,
): Promise<{ connection: Connection; startup: ReadonlyMap<string, string> }> {
  const clock = new VirtualClock()
  const node = new ScriptedNode(clock)
  let startup: ReadonlyMap<string, string> = new Map()
  node.script = (exchange: Exchange) => {
    const { request } = exchange
    if (request.opcode === Opcode.STARTUP) startup = request.options
    if (request.opcode !== Opcode.OPTIONS) return 'default'
    exchange.reply({ opcode: Opcode.SUPPORTED, options: supported })
    return 'done'
  }
  const connector = new Connector({
    server: '10.0.0.1:9042',
    deadlineTimer: new DeadlineTimer(runtimeWithClock(clock)),
    connectionTimeoutMs: 5_000,
    heartbeatIntervalMs: 30_000,
    inFlightBytesMax: 1,
    onRoom() {},
    authProvider: undefined,
    ...{ compression: undefined, protocolVersionMax: ProtocolVersion.V5 },
    startup: new Map([['DRIVER_NAME', 'tsylla']]),
  })
  const connection = await connector.open(node, { onRoom() {}, onEvent() {}, onClosed() {} })
  connection.destroy(new ClosedError('session'))
  return { connection, startup }
}

describe('a handshake', () => {
  test('with a node that has shards leaves what was negotiated on the connection', async () => {
    const { connection, startup } = await open(
      new Map([
        ['SCYLLA_SHARD', ['1']],
        ['SCYLLA_NR_SHARDS', ['4']],
        ['SCYLLA_SHARDING_IGNORE_MSB', ['12']],
        ['SCYLLA_SHARDING_ALGORITHM', ['biased-token-round-robin']],
        ['SCYLLA_SHARD_AWARE_PORT', ['19042']],
        ['SCYLLA_LWT_ADD_METADATA_MARK', [mark]],
        ['SCYLLA_RATE_LIMIT_ERROR', ['ERROR_CODE=61440']],
        ['TABLETS_ROUTING_V1', ['']],
      ]),
    )
    expect(connection.features).toEqual({
      ...initialFeatures,
      shard: { shard: 1, count: 4, ignoreMsb: 12, port: 19_042, tlsPort: undefined },
      lwtMarkMask: 0x8000_0000,
      rateLimitErrorCode: 61_440,
      tablets: 1,
      isScylla: true,
    })
    expect(Object.fromEntries(startup)).toEqual({
      CQL_VERSION: '3.0.0',
      DRIVER_NAME: 'tsylla',
      SCYLLA_LWT_ADD_METADATA_MARK: mark,
      SCYLLA_RATE_LIMIT_ERROR: '',
      TABLETS_ROUTING_V1: '',
    })
  })

  test('with a node that offers nothing negotiates nothing', async () => {
    const { connection, startup } = await open(new Map())
    expect(connection.features).toEqual(initialFeatures)
    expect(Object.fromEntries(startup)).toEqual({ CQL_VERSION: '3.0.0', DRIVER_NAME: 'tsylla' })
  })
})
