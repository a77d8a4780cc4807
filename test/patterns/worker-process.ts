/**
 * One process of several that use the same patterns on the same database. Runs the callers it is
 * told to, and prints what they did as one JSON line.
 */
import { Session } from '../../src/index.ts'
import { EventStore, RateLimiter } from '../../src/patterns.ts'

const [address = '', keyspace = '', task = '', callers = '1', rounds = '1'] = process.argv.slice(2)
const session = await Session.connect([address], { keyspace, requestTimeoutMs: 60_000 })
/** All processes begin together: on the first byte of standard input. */
const started = new Promise<void>((resolve) => process.stdin.once('data', () => resolve()))
console.log('ready')
await started

async function each(work: (caller: number, round: number) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: Number(callers) }, async (_, caller) => {
      for (let round = 0; round < Number(rounds); round++) await work(caller, round)
    }),
  )
}

if (task === 'limit') {
  const limiter = new RateLimiter(session, { timeoutMs: 60_000 })
  let admitted = 0
  let refused = 0
  let failed = 0
  await each(async () => {
    try {
      if (await limiter.check('shared', 100, 86_400)) admitted++
      else refused++
    } catch {
      failed++
    }
  })
  console.log(JSON.stringify({ admitted, refused, failed }))
} else {
  const events = new EventStore(session, { timeoutMs: 120_000 })
  const acknowledged: string[] = []
  let failed = 0
  await each(async (caller, round) => {
    const id = `${process.pid}/${caller}/${round}`
    try {
      await events.append('shared', [
        { type: 'first', data: id },
        { type: 'second', data: id },
      ])
      acknowledged.push(id)
    } catch {
      failed++
    }
  })
  console.log(JSON.stringify({ acknowledged, failed }))
}
await session.close()
process.exit(0)
