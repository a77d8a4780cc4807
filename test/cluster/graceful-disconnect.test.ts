import { describe, expect, onTestFinished, test } from 'vitest'
import { beginResponse, endFrame, Opcode, WireWriter } from '../../src/protocol/index.ts'
import { leavingPauseMs } from '../../src/transport/node-pool.ts'
import type { MemberNode } from '../support/member-node.ts'
import type { Exchange, ScriptedConnection } from '../support/scripted-node.ts'
import { connect, holdExecutes, settle } from '../support/scripted-session.ts'
import { answered, executeCount, pass, type TwoNodes } from '../support/two-nodes.ts'
import { membersOf } from '../support/member-node.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const select = 'SELECT c FROM t WHERE k = ?'

function announceEnd(connection: ScriptedConnection): void {
  const writer = new WireWriter()
  const start = beginResponse(writer, 0, -1, Opcode.EVENT)
  writer.writeString('GRACEFUL_DISCONNECT')
  endFrame(writer, start)
  connection.send(writer.copyFrom(0))
}

interface Scene extends TwoNodes {
  /** What each connection of a node has registered for. */
  readonly registered: Map<ScriptedConnection, readonly string[]>
}

async function open(value: string | undefined): Promise<Scene> {
  const clock = new VirtualClock()
  const nodes = membersOf(2, clock) as [MemberNode, MemberNode]
  const registered: Scene['registered'] = new Map()
  for (const node of nodes) {
    if (value !== undefined) node.supported = new Map([['GRACEFUL_DISCONNECT', [value]]])
    const onRequest = node.onRequest.bind(node)
    node.onRequest = (exchange: Exchange): void => {
      const { request, connection } = exchange
      if (request.opcode === Opcode.REGISTER) registered.set(connection, request.eventTypes)
      onRequest(exchange)
    }
  }
  const connecting = connect(nodes[0], { random: () => 0 })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(() => session.close({ graceMs: 1 }))
  await settle()
  return { clock, session, nodes, registered }
}

const live = (node: MemberNode): ScriptedConnection[] =>
  node.connections.filter(({ isClosed }) => !isClosed)

describe('a node that announces its end', () => {
  test('is asked for that on every connection, where it offers to', async () => {
    const { nodes, registered } = await open('true')
    const all = nodes.flatMap(({ connections }) => connections)
    expect(all).toHaveLength(3)
    for (const connection of all) {
      expect(registered.get(connection)).toContain('GRACEFUL_DISCONNECT')
    }
    // The pools want no other events.
    const counts = all.map((connection) => registered.get(connection)!.length)
    expect(counts.sort((a, b) => a - b)).toEqual([1, 1, 4])
  })

  test.each([undefined, 'false'])('is not asked where it says %s', async (value) => {
    const { registered } = await open(value)
    expect([...registered.values()].flat()).not.toContain('GRACEFUL_DISCONNECT')
    expect(registered.size).toBe(1)
  })

  test('gets no more requests, and answers those in flight: no caller notices', async () => {
    const { session, nodes, clock } = await open('true')
    const update = await session.prepare('UPDATE t SET l = l + ? WHERE k = ?')
    const statement = await session.prepare(select)
    const held = holdExecutes(nodes[0])
    // Those that must not be repeated, too.
    const pending = Array.from({ length: 40 }, () => session.executePrepared(update, [1, 1]))
    await settle()
    expect(held).toHaveLength(20)
    const leaving = live(nodes[0])
    expect(leaving).toHaveLength(2)
    for (const connection of leaving) announceEnd(connection)
    await settle()
    const before = executeCount(nodes[0])
    for (let i = 0; i < 20; i++) await session.executePrepared(statement, [1])
    expect(executeCount(nodes[0])).toBe(before)
    // The control connection had nothing to wait for.
    expect(leaving.map(({ isClosed }) => isClosed)).toEqual([true, false])
    expect(session.getClusterData().nodes[0]!.isAvailable).toBe(false)
    for (const exchange of held) answered(exchange)
    await Promise.all(pending)
    await settle()
    expect(leaving.every(({ isClosed }) => isClosed)).toBe(true)
    // The other node has the control connection now; the first one is left alone for a while.
    await pass(clock, leavingPauseMs / 2)
    expect(live(nodes[0])).toEqual([])
    expect(live(nodes[1])).toHaveLength(2)
    await pass(clock, leavingPauseMs)
    expect(live(nodes[0])).toHaveLength(1)
    nodes[0].script = () => 'default'
    for (let i = 0; i < 20; i++) await session.executePrepared(statement, [1])
    expect(executeCount(nodes[0])).toBeGreaterThan(before)
  })

  test('and again whenever it is connected to is not connected to without pause', async () => {
    const { nodes, clock } = await open('true')
    const before = nodes[0].connections.length
    for (let i = 0; i < 40; i++) {
      for (const connection of live(nodes[0])) announceEnd(connection)
      await pass(clock, 250)
    }
    const count = nodes[0].connections.length - before
    expect(count).toBeGreaterThan(4)
    expect(count).toBeLessThanOrEqual(10)
  })

  test('while requests wait: they go to the other node', async () => {
    const { session, nodes } = await open('true')
    const statement = await session.prepare(select)
    const held = nodes.map(holdExecutes)
    const pending = Array.from({ length: 3_000 }, () => session.executePrepared(statement, [1]))
    await settle()
    expect(held.map(({ length }) => length)).toEqual([1_024, 1_024])
    for (const connection of live(nodes[0])) announceEnd(connection)
    await settle()
    for (const exchange of held[0]!.splice(0)) answered(exchange)
    await settle()
    expect(held[0]).toEqual([])
    nodes[1].script = () => 'default'
    for (const exchange of held[1]!) answered(exchange)
    await Promise.all(pending)
    expect(executeCount(nodes[1])).toBe(3_000 - 1_024)
  })
})
