/** A small part of `npm run prove`: every guarantee on the engine. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { allProofs } from './all-proofs.ts'
import { nameOfProof } from './proof.ts'
import { expectProof } from './small.ts'
import { openEngine, type ProofTarget } from './targets.ts'

describe('engine over TCP', () => {
  let target: ProofTarget
  beforeAll(async () => {
    target = await openEngine()
  })
  afterAll(() => target?.close())

  test.each(allProofs.map((proof) => [nameOfProof(proof), proof] as const))('%s', (_, proof) =>
    expectProof(proof, target),
  )
})
