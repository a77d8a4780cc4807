/** Counts the calls of factories when several processes miss one key at the same time. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Session } from 'tsylla'
import type { EmbeddedDatabase } from 'tsylla/embedded'
import { Cache } from 'tsylla/patterns'
import type { Peers } from './peers.ts'

export interface Stampede {
  readonly what: string
  readonly calls: number
}

const processCount = 4
const roundCount = 5
const file = join(dirname(fileURLToPath(import.meta.url)), 'stampede-process.ts')

export async function measureStampedes(
  db: EmbeddedDatabase,
  peers: Peers | undefined,
): Promise<readonly Stampede[]> {
  const session = await Session.connect([db], { keyspace: 'stampede', createKeyspace: true })
  await new Cache(session).createTables()
  await session.close()
  const server = await db.listen({ host: '127.0.0.1', port: 0 })
  const stampedes = [
    { what: 'tsylla, one factory per cluster', calls: await run(['cluster', server.address]) },
    { what: 'tsylla, one factory per process', calls: await run(['process', server.address]) },
  ]
  if (peers !== undefined) {
    for (const [kind, what] of [
      ['bento', 'BentoCache on Redis'],
      ['keyv', 'Keyv on Redis'],
    ] as const) {
      const calls = await run([kind, String(peers.redisPort), peers.folder])
      stampedes.push({ what, calls })
    }
  }
  return stampedes
}

async function run(args: readonly string[]): Promise<number> {
  const children = Array.from({ length: processCount }, () =>
    fork(file, args, { execArgv: ['--import', 'tsx'] }),
  )
  try {
    await Promise.all(children.map(answerOf))
    let calls = 0
    for (let round = 0; round < roundCount; round++) {
      const answers = children.map(answerOf)
      for (const child of children) child.send(round)
      for (const count of await Promise.all(answers)) calls += count
    }
    return calls
  } finally {
    for (const child of children) child.kill()
  }
}

async function answerOf(child: ChildProcess): Promise<number> {
  const [count] = (await once(child, 'message')) as [number]
  return count
}
