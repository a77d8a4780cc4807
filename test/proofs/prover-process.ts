/** One process of a proof: does its work round by round, and reports every operation. */
import { SessionBuilder, TsyllaError } from '../../src/index.ts'
import { worker } from '../../src/testing.ts'
import { createRandom } from '../../src/util/index.ts'
import { proofNamed } from './all-proofs.ts'
import { insist } from './proof.ts'

export interface ProverArgs {
  readonly proof: string
  readonly contactPoints: readonly string[]
  readonly keyspace: string
  readonly seed: number
  readonly timeScale: number
  readonly callerCount: number
  /** Of each round. */
  readonly keys: readonly (readonly string[])[]
}

/** The call of an operation, or what came of it. */
export type ProverReport =
  | {
      readonly id: string
      readonly key: string
      readonly input: unknown
      readonly call: number
    }
  | {
      readonly id: string
      readonly return: number
      readonly output?: unknown
      readonly error?: { readonly code: string; readonly outcome: string }
    }

const me = worker<ProverReport, ProverArgs>()
const { proof: name, contactPoints, keyspace, seed, keys, callerCount, timeScale } = me.args
const proof = proofNamed(name)
const builder = new SessionBuilder()
  .knownNodes(contactPoints)
  .useKeyspace(keyspace, false)
  .requestTimeout((proof.requestTimeoutMs ?? 1_000) * timeScale)
// The target may be busy, and one of its nodes on its way back.
const session = await insist(() => builder.build())
const random = createRandom(seed + me.index)
let operationCount = 0

await me.barrier()
for (const ofRound of keys) {
  await proof.work({
    ...{ session, clock: me.clock, process: me.index, keys: ofRound, random },
    callerCount,
    timeScale,
    machineUs: () => me.machineUs(),
    async record(key, input, run) {
      const id = `${me.index}/${operationCount++}`
      me.report({ id, key, input, call: me.machineUs() })
      try {
        const output = await run()
        me.report({ id, output, return: me.machineUs() })
        return output
      } catch (error) {
        // Anything else is a fault of the proof.
        if (!TsyllaError.is(error)) throw error
        const { code, outcome } = error
        me.report({ id, error: { code, outcome }, return: me.machineUs() })
        return undefined
      }
    },
  })
  await me.barrier()
}
await session.close()
process.exit(0)
