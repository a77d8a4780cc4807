/**
 * The proof that a proof would find a violation, and a small part of `npm run prove` on Cassandra.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { proofNamed } from './all-proofs.ts'
import { brokenProofs } from './broken.ts'
import { nameOfProof } from './proof.ts'
import { prove } from './prove.ts'
import { expectProof, small } from './small.ts'
import { openEngine, type ProofTarget, runningCassandra } from './targets.ts'

describe('engine over TCP', () => {
  let target: ProofTarget
  beforeAll(async () => {
    target = await openEngine()
  })
  afterAll(() => target?.close())

  test.each(brokenProofs.map((proof) => [nameOfProof(proof), proof] as const))(
    '%s is found out',
    async (_, proof) => {
      const { violations } = await prove(proof, target, small)
      expect(violations.length).toBeGreaterThan(0)
    },
  )
})

describe.skipIf(inject('cassandra') === undefined)('cassandra', () => {
  /** Some of each pattern: `npm run prove` does all of them. */
  const some = ['L1 exact', 'L2', 'L5', 'K1', 'C1', 'C4', 'C5', 'S2', 'S3']
  test.each(some)('%s', (name) => {
    return expectProof(proofNamed(name), runningCassandra(inject('cassandra')!))
  })
})
