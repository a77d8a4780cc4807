/**
 * `npm run prove`: tries to break the guarantees of the patterns with several processes, lost
 * responses, killed and stopped processes and wrong clocks, and counts the violations.
 *
 *   --histories N       histories per guarantee and target                       (200)
 *   --target NAME       engine, cassandra or "cassandra × 3"; may be repeated    (all that can run)
 *   --proof NAME        for example "L1 exact"; may be repeated                  (all)
 *   --cassandra H:P     one Cassandra that runs already                          (none)
 *   --seed N            where random decisions begin                             (of the time)
 *   --write             keep the counts, and write the table of the README
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { allProofs, proofNamed } from '../test/proofs/all-proofs.ts'
import { nameOfProof, type Proof } from '../test/proofs/proof.ts'
import { prove } from '../test/proofs/prove.ts'
import { addCount, type ProofResults, withTable } from '../test/proofs/results.ts'
import {
  openCluster,
  openEngine,
  type ProofTarget,
  runningCassandra,
  type TargetName,
} from '../test/proofs/targets.ts'
import { missingTools } from './cassandra/jars.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const readmeFile = join(root, 'README.md')
const resultsFile = join(root, 'test/proofs/results.json')

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '200' },
    target: { type: 'string', multiple: true },
    proof: { type: 'string', multiple: true },
    cassandra: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})

const historyCount = Number(values.histories)
const proofs = values.proof?.map(proofNamed) ?? allProofs
let seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)

function openers(): readonly (readonly [TargetName, () => Promise<ProofTarget>])[] {
  const { cassandra } = values
  const all: (readonly [TargetName, () => Promise<ProofTarget>])[] = [['engine', openEngine]]
  if (cassandra !== undefined) all.push(['cassandra', async () => runningCassandra(cassandra)])
  const missing = missingTools()
  if (missing === undefined) all.push(['cassandra × 3', openCluster])
  return all.filter(([name]) => values.target === undefined || values.target.includes(name))
}

/** Repeats a proof until it has so many histories. */
async function repeat(proof: Proof, target: ProofTarget, name: TargetName): Promise<void> {
  for (let histories = 0; histories < historyCount; ) {
    const startMs = performance.now()
    const result = await prove(proof, target, { seed: seed++ })
    histories += result.histories
    const { operations, openOperations, violations, faults } = result
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
    console.log(
      `${name}: ${nameOfProof(proof)}: ${result.histories} histories, ${operations} operations, ${openOperations} with an unknown outcome, ${faults.lostResponses} responses lost, ${violations.length} violations (seed ${seed - 1}, ${seconds} s)`,
    )
    for (const violation of violations.slice(0, 10)) console.log(`  ${violation}`)
    if (violations.length > 0) process.exitCode = 1
    if (values.write) keep(proof, name, result.histories, operations, violations.length)
  }
}

function keep(
  proof: Proof,
  target: TargetName,
  histories: number,
  operations: number,
  violations: number,
): void {
  const none: ProofResults = { date: '', counts: {} }
  const before = existsSync(resultsFile)
    ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as ProofResults)
    : none
  const counts = { histories, operations, violations }
  const date = new Date().toISOString().slice(0, 10)
  const results = { ...addCount(before, nameOfProof(proof), target, counts), date }
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  writeFileSync(readmeFile, withTable(readFileSync(readmeFile, 'utf8'), results))
}

for (const [name, open] of openers()) {
  const target = await open()
  try {
    for (const proof of proofs) await repeat(proof, target, name)
  } finally {
    await target.close()
  }
}
