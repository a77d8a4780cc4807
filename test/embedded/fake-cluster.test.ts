import { expect, test } from 'vitest'
import { openListener } from '../../src/embedded/listener.ts'
import { Engine, EngineNode, MemoryStore, type NodePeer } from '../../src/engine/index.ts'
import { Session } from '../../src/index.ts'

const hosts = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
const hostIdOf = (i: number): string => `00000000-0000-4000-8000-00000000000${i}`

test.skipIf(process.platform !== 'linux')(
  'nodes over one engine are a cluster: a session finds them all, and they agree at once',
  async () => {
    const engine = new Engine({ storage: new MemoryStore() })
    const nodes: EngineNode[] = []
    for (const i of hosts.keys()) {
      const node: EngineNode = new EngineNode(engine, {
        identity: {
          hostId: hostIdOf(i),
          rack: `rack${i}`,
          tokens: [String((BigInt(i) - 1n) * 6_000_000_000_000_000_000n)],
        },
        peers: (): NodePeer[] =>
          nodes.filter((other) => other !== node).map(({ system }) => system),
      })
      nodes.push(node)
    }
    const listeners = [await openListener(nodes[0]!, { host: hosts[0], port: 0 })]
    const { port } = listeners[0]!
    for (const i of [1, 2]) {
      listeners.push(await openListener(nodes[i]!, { host: hosts[i]!, port }))
    }
    const session = await Session.connect([`127.0.0.1:${port}`], {
      keyspace: 'k',
      createKeyspace: true,
    })
    const found = session.getClusterData().nodes.map(({ address, rack }) => `${address} ${rack}`)
    expect(new Set(found)).toEqual(new Set(hosts.map((host, i) => `${host}:${port} rack${i}`)))
    await session.execute('CREATE TABLE t (p int PRIMARY KEY, v int)')
    const insert = await session.prepare('INSERT INTO t (p, v) VALUES (?, ?)')
    const coordinators = new Set<string>()
    for (let p = 0; p < 30; p++) {
      coordinators.add((await session.executePrepared(insert, [p, p])).coordinator)
    }
    expect(coordinators.size).toBe(3)
    for (const [i, host] of hosts.entries()) {
      const own = await Session.connect([`${host}:${port}`])
      const { rows } = { rows: await own.execute<{ n: bigint }>('SELECT count(*) AS n FROM k.t') }
      expect(rows.singleRow().n).toBe(30n)
      expect(nodes[i]!.system.identity.hostId).toBe(hostIdOf(i))
      await own.close()
    }
    await session.close()
    await Promise.all(listeners.map((listener) => listener.close()))
    for (const node of nodes) node.close()
    await engine.close()
  },
)
