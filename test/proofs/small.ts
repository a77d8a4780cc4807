import { expect } from 'vitest'
import { nameOfProof, type Proof } from './proof.ts'
import { prove } from './prove.ts'
import type { ProofTarget } from './targets.ts'

/** The fiftieth part of 200 histories. The seed is the same every time, to look at failures. */
export const small = { seed: 20_261_127, roundCount: 1, keyCountMax: 4, callerCountMax: 16 }

/** Proves a guarantee with few histories. */
export async function expectProof(proof: Proof, target: ProofTarget): Promise<void> {
  // So many that the limit is reached.
  const callerCountMax = proof.id === 'L2' ? 32 : small.callerCountMax
  const result = await prove(proof, target, { ...small, callerCountMax })
  expect(result.violations).toEqual([])
  expect(result.operations).toBeGreaterThan(0)
  const keyCount = Math.min(proof.keyCount, small.keyCountMax)
  // Otherwise nothing would have been tried.
  expect(result.histories, nameOfProof(proof)).toBeGreaterThanOrEqual(keyCount / 2)
}
