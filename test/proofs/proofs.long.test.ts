/**
 * A small part of `npm run prove`: every guarantee once, and the proof that a proof would find a
 * violation.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { allProofs } from './all-proofs.ts'
import { brokenProofs } from './broken.ts'
import { nameOfProof } from './proof.ts'
import { prove } from './prove.ts'
import { openEngine, type ProofTarget, runningCassandra } from './targets.ts'

/** The same every time, so that a failure can be looked at. */
const seed = 20_261_127
const small = { seed, roundCount: 1, callerCountMax: 16 }

describe('engine over TCP', () => {
  let target: ProofTarget
  beforeAll(async () => {
    target = await openEngine()
  })
  afterAll(() => target?.close())

  test.each(allProofs.map((proof) => [nameOfProof(proof), proof] as const))(
    '%s',
    async (_, proof) => {
      // The limit is reached.
      const callerCountMax = proof.id === 'L2' ? 32 : small.callerCountMax
      const result = await prove(proof, target, { ...small, callerCountMax })
      expect(result.violations).toEqual([])
      expect(result.histories).toBe(proof.keyCount)
      // Otherwise nothing would have been tried.
      expect(result.operations).toBeGreaterThanOrEqual(proof.keyCount)
    },
  )

  test.each(brokenProofs.map((proof) => [nameOfProof(proof), proof] as const))(
    '%s is found out',
    async (_, proof) => {
      const { violations } = await prove(proof, target, { ...small, roundCount: 2 })
      expect(violations.length).toBeGreaterThan(0)
    },
  )
})

describe.skipIf(inject('cassandra') === undefined)('cassandra', () => {
  /** One of each pattern: `npm run prove` does all of them. */
  const some = ['L1 exact', 'L2', 'K1']
  test.each(some)('%s', async (name) => {
    const target = runningCassandra(inject('cassandra')!)
    const proof = allProofs.find((one) => nameOfProof(one) === name)!
    const result = await prove(proof, target, small)
    expect(result.violations).toEqual([])
    expect(result.histories).toBe(proof.keyCount)
  })
})
