import { brokenProofs } from './broken.ts'
import { cacheProofs } from './cache.ts'
import { lockProofs } from './lock.ts'
import { nameOfProof, type Proof } from './proof.ts'
import { rateLimiterProofs } from './rate-limiter.ts'
import { semaphoreProofs } from './semaphore.ts'
import { sessionManagerProofs } from './session-manager.ts'

/** Every guarantee that is proved. A pattern adds its file here. */
export const allProofs: readonly Proof[] = [
  ...rateLimiterProofs,
  ...semaphoreProofs,
  ...lockProofs,
  ...cacheProofs,
  ...sessionManagerProofs,
]

export function proofNamed(name: string): Proof {
  const found = [...allProofs, ...brokenProofs].find((proof) => nameOfProof(proof) === name)
  if (found === undefined) throw new Error(`There is no proof ${name}`)
  return found
}
