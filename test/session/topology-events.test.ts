import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import type { SchemaEvent, Session, TopologyEvent } from '../../src/index.ts'
import { MemberNode, sendEvent } from '../support/member-node.ts'
import { connect, settle } from '../support/scripted-session.ts'
import { describeOnServers } from '../support/targets.ts'
import { pass } from '../support/two-nodes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { collectReports, collectUnhandledRejections } from '../support/warnings.ts'

/** Collects what is published to a channel until the test ends. */
function collect<Event>(name: string): Event[] {
  const events: Event[] = []
  const listener = (event: unknown): void => void events.push(event as Event)
  subscribe(name, listener)
  onTestFinished(() => void unsubscribe(name, listener))
  return events
}

const line = (event: TopologyEvent): string =>
  event.type === 'moved'
    ? `moved ${event.previousAddress} ${event.node.address}`
    : `${event.type} ${event.node.address}`

interface Opened {
  readonly clock: VirtualClock
  readonly session: Session
  readonly first: MemberNode
  readonly second: MemberNode
  readonly seen: string[]
}

async function open(): Promise<Opened> {
  const clock = new VirtualClock()
  const first = new MemberNode(clock, 1)
  const second = new MemberNode(clock, 2)
  const connecting = connect(first, { heartbeatIntervalMs: 1 << 30 })
  await pass(clock, 500)
  const session = await connecting
  onTestFinished(() => void session.close({ graceMs: 0 }))
  const seen: string[] = []
  session.onTopologyChange((event) => void seen.push(line(event)))
  first.peer = ({ host }) => [first, second].find(({ network }) => network.host === host)!
  return { clock, session, first, second, seen }
}

/** Lets the node describe the cluster anew. */
async function announce({ first, clock }: Opened): Promise<void> {
  first.announce(first.connections[0]!)
  await pass(clock, 2_000)
}

test('nodes that come, are lost, come back and go are told in order', async () => {
  const channel = collect<TopologyEvent>('tsylla:topology')
  const opened = await open()
  const { first, second, seen, clock } = opened
  expect(channel.map(line)).toEqual(['added 10.0.0.1:9042', 'up 10.0.0.1:9042'])
  first.peers = [second]
  await announce(opened)
  expect(seen).toEqual(['added 10.0.0.2:9042', 'up 10.0.0.2:9042'])
  second.open = () => Promise.reject(new Error('refused'))
  for (const connection of second.connections) connection.destroy()
  await settle()
  expect(seen.splice(0)).toEqual([
    ...['added 10.0.0.2:9042', 'up 10.0.0.2:9042', 'down 10.0.0.2:9042'],
  ])
  Reflect.deleteProperty(second, 'open')
  await pass(clock, 20_000)
  first.peers = []
  await announce(opened)
  expect(seen).toEqual(['up 10.0.0.2:9042', 'removed 10.0.0.2:9042'])
  const { node } = channel.at(-1)!
  expect(node).toMatchObject({ hostId: expect.stringMatching(/2$/), dataCenter: 'dc1', rack: 'r1' })
  expect(Object.isFrozen(channel.at(-1))).toBe(true)
})

test('a node with another address has moved, and keeps what was counted of it', async () => {
  const opened = await open()
  const { first, second, seen, session } = opened
  first.peers = [second]
  await announce(opened)
  const statement = await session.prepare('SELECT c FROM t WHERE c = ?')
  for (let i = 0; i < 4; i++) await session.executePrepared(statement, [i])
  const before = session.metrics().nodes[1]!
  seen.length = 0
  const moved = new MemberNode(opened.clock, 2, '10.0.0.9')
  first.peer = () => moved
  first.peers = [moved]
  await announce(opened)
  expect(seen).toEqual(['moved 10.0.0.2:9042 10.0.0.9:9042', 'up 10.0.0.9:9042'])
  const after = session.metrics().nodes[1]!
  expect(after).toMatchObject({ hostId: before.hostId, address: '10.0.0.9:9042', isUp: true })
  expect(before.latency.count).toBeGreaterThan(0)
  expect(after.latency.count).toBe(before.latency.count)
})

test('what other nodes say of a node is no event by itself', async () => {
  const opened = await open()
  const { first, second, seen, clock } = opened
  first.peers = [second]
  await announce(opened)
  seen.length = 0
  sendEvent(first.connections[0]!, 'STATUS_CHANGE', 'DOWN', 2)
  sendEvent(first.connections[0]!, 'STATUS_CHANGE', 'UP', 2)
  await pass(clock, 2_000)
  expect(seen).toEqual([])
})

test('a listener that ends, or fails, concerns no other one', async () => {
  const opened = await open()
  const { first, second, seen, session } = opened
  const warnings = collectReports()
  const own: string[] = []
  const end = session.onTopologyChange((event) => {
    own.push(line(event))
    end()
    throw new Error('the listener is broken')
  })
  const other: string[] = []
  session.onTopologyChange((event) => void other.push(line(event)))
  first.peers = [second]
  await announce(opened)
  expect(own).toEqual(['added 10.0.0.2:9042'])
  expect(other).toEqual(seen)
  expect(seen).toHaveLength(2)
  expect(warnings).toEqual(['A listener of onTopologyChange has failed'])
})

test('a listener whose promise rejects is reported once, and ends no process', async () => {
  const opened = await open()
  const { first, second, session } = opened
  const warnings = collectReports()
  const unhandled = collectUnhandledRejections()
  session.onTopologyChange(() => Promise.reject(new Error('the listener is broken')))
  first.peers = [second]
  await announce(opened)
  first.peers = []
  await announce(opened)
  expect(warnings).toEqual(['A listener of onTopologyChange has failed'])
  expect(unhandled).toEqual([])
})

test('a listener may close the session; closing is no event and ends listening', async () => {
  const opened = await open()
  const { first, second, seen, session, clock } = opened
  session.onTopologyChange(({ type }) => {
    if (type === 'up') void session.close({ graceMs: 0 })
  })
  first.peers = [second]
  await announce(opened)
  await pass(clock, 2_000)
  expect(session.isClosed).toBe(true)
  expect(seen).toEqual(['added 10.0.0.2:9042', 'up 10.0.0.2:9042'])
  expect(() => session.onTopologyChange(() => {})).toThrow('closed')
})

test('something that is no function is refused', async () => {
  const { session } = await open()
  expect(() => session.onTopologyChange('up' as never)).toThrow('onTopologyChange takes a function')
})

describeOnServers('tsylla:schema', (target) => {
  test('tells what has changed', async () => {
    const events = collect<SchemaEvent>('tsylla:schema')
    const { session, keyspace } = target
    await session.execute('CREATE TABLE told (id int PRIMARY KEY)')
    await session.execute('ALTER TABLE told ADD v int')
    await session.execute('DROP TABLE told')
    const own = events.filter((event) => event.keyspace === keyspace && event.target === 'TABLE')
    const told = own.map(({ change, name }) => `${change} ${name}`)
    // Events of the nodes may repeat what the session knows from its own statements.
    expect([...new Set(told)]).toEqual(['CREATED told', 'UPDATED told', 'DROPPED told'])
  })
})
