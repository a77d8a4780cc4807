import { expect, onTestFinished, test } from 'vitest'
import { Opcode } from '../../src/protocol/index.ts'
import { nativeTypes } from '../../src/types/index.ts'
import { MemberNode, sendEvent } from '../support/member-node.ts'
import { rowsOf } from '../support/scripted-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectWarnings } from '../support/warnings.ts'

const { inet, int, text, uuid } = nativeTypes
const columns = [
  ['native_address', inet],
  ['native_port', int],
  ['host_id', uuid],
  ['data_center', text],
  ['rack', text],
  ['tokens', { kind: 'set', element: text, frozen: false }],
] as const

/** A row of another node; bit i of `absent` makes column i null. */
function rowOf(absent: number): unknown[] {
  const hostId = `00000000-0000-4000-8000-0000000001${absent.toString(16).padStart(2, '0')}`
  const row = [`10.1.0.${absent + 1}`, 9042, hostId, 'dc1', 'r1', new Set([`${absent}`])]
  return row.map((value, i) => ((absent >> i) & 1 ? null : value))
}

const combinationCount = 2 ** columns.length
const portBit = 2
const tokensBit = 32

test('rows of peers that lack anything are left out, with one warning; the others are used', async () => {
  const warnings = collectWarnings()
  const clock = new VirtualClock()
  const node = new MemberNode(clock)
  let rows = Array.from({ length: combinationCount }, (_, absent) => rowOf(absent))
  node.script = (exchange) => {
    const { request } = exchange
    if (request.opcode !== Opcode.QUERY || !request.text.includes('system.peers_v2')) {
      return 'default'
    }
    exchange.reply(
      rowsOf(
        columns.map(([name, type]) => [name, type]),
        rows,
      ),
    )
    return 'done'
  }
  // None of them can be reached.
  node.peer = ({ host }) => ({
    ...{ address: `${host}:9042`, network: { host: host!, port: 9042 }, clock },
    open: () => Promise.reject(new Error('refused')),
    release: () => Promise.resolve(),
  })
  const connecting = connect(node, { clock })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(async () => {
    const closing = session.close({ graceMs: 0 })
    await pass(clock, 100)
    await closing
  })
  const hostIds = (): string[] => session.getClusterData().nodes.map(({ hostId }) => hostId)
  const complete = [0, portBit, tokensBit, portBit | tokensBit].map(
    (absent) => rowOf(absent)[2] as string,
  )
  expect(
    hostIds()
      .filter((hostId) => hostId.includes('-0000000001'))
      .sort(),
  ).toEqual(complete.sort())
  const ofPeers = (): string[] => warnings.filter((message) => message.includes('system.peers'))
  expect(ofPeers()).toEqual([expect.stringMatching(/^60 rows of system.peers lack an address/)])
  // The same rows again are no news; others are.
  const announce = async (): Promise<void> => {
    for (const connection of node.connections)
      sendEvent(connection, 'TOPOLOGY_CHANGE', 'NEW_NODE', 3)
    await pass(clock, 2_000)
    await settle()
  }
  await announce()
  expect(ofPeers()).toHaveLength(1)
  rows = rows.slice(0, 10)
  await announce()
  expect(ofPeers()).toHaveLength(2)
})
