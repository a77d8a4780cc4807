/**
 * Profiles inserts at 256 in flight and prints where their CPU time goes: one JSON line per
 * function, the most expensive first. The argument is the address of a node.
 */
import { Session } from 'node:inspector/promises'
import type { Profiler } from 'node:inspector'
import { runWindow } from '../best-window.ts'
import { openTsylla } from './tsylla-client.ts'

export interface ProfiledFunction {
  readonly name: string
  /** Whose function it is. `program`: the runtime outside of functions, and system calls. */
  readonly owner: 'tsylla' | 'node' | 'bench' | 'program'
  /** Own CPU time per insert, in nanoseconds. */
  readonly ns: number
}

const functionCount = 15
/** `dispatch` is the profiler itself, which is stopped by a message. */
const notWork = ['(idle)', '(root)', 'dispatch']
const windowMs = 1_500
const inFlight = 256

const client = await openTsylla(process.argv[2]!, 'prepared')
let next = 0
const insert = (): Promise<unknown> => client.insert(next++)
await runWindow(insert, inFlight, windowMs)

const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: 200 })
await session.post('Profiler.start')
const { count } = await runWindow(insert, inFlight, windowMs)
const { profile } = await session.post('Profiler.stop')
for (const one of functionsOf(profile, count)) console.log(JSON.stringify(one))
await client.close()
process.exit(0)

function functionsOf(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  operationCount: number,
): ProfiledFunction[] {
  const us = new Map<number, number>()
  for (const [i, id] of samples.entries()) us.set(id, (us.get(id) ?? 0) + (timeDeltas[i] ?? 0))
  const functions = new Map<string, ProfiledFunction>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url } = callFrame
    if (notWork.includes(functionName)) continue
    const name = functionName === '' ? 'unnamed' : functionName
    const owner = ownerOf(url)
    const ns = ((us.get(id) ?? 0) * 1_000) / operationCount
    const key = `${owner}/${name}`
    functions.set(key, { name, owner, ns: (functions.get(key)?.ns ?? 0) + ns })
  }
  return [...functions.values()]
    .sort((a, b) => b.ns - a.ns)
    .slice(0, functionCount)
    .map((one) => ({ ...one, ns: Math.round(one.ns) }))
}

function ownerOf(url: string): ProfiledFunction['owner'] {
  if (url.includes('/dist/') || url.includes('/src/')) return 'tsylla'
  if (url.startsWith('node:')) return 'node'
  return url.includes('/bench/') ? 'bench' : 'program'
}
