import { brokenProofs } from './broken.ts'
import { cacheProofs } from './cache.ts'
import { cacheBytesProofs } from './cache-bytes.ts'
import { cacheMemoryProofs } from './cache-memory.ts'
import { cacheValueProofs } from './cache-values.ts'
import { lockProofs } from './lock.ts'
import { nameOfProof, type Proof } from './proof.ts'
import { rateLimiterProofs } from './rate-limiter.ts'
import { semaphoreProofs } from './semaphore.ts'
import { sessionDataProofs } from './session-data.ts'
import { sessionLifeProofs } from './session-life.ts'
import { sessionManagerProofs } from './session-manager.ts'
import { sessionRevocationProofs } from './session-revocation.ts'
import { sessionSecretsProofs } from './session-secrets.ts'

/** Every guarantee that is proved. A pattern adds its file here. */
export const allProofs: readonly Proof[] = [
  ...rateLimiterProofs,
  ...semaphoreProofs,
  ...lockProofs,
  ...byName(cacheProofs, cacheValueProofs, cacheBytesProofs, cacheMemoryProofs),
  ...byName(sessionManagerProofs, sessionRevocationProofs, sessionDataProofs),
  ...byName(sessionLifeProofs, sessionSecretsProofs),
]

/** Proofs of several files, in the order of what they prove. */
function byName(...files: readonly (readonly Proof[])[]): readonly Proof[] {
  return files.flat().sort((a, b) => (nameOfProof(a) < nameOfProof(b) ? -1 : 1))
}

export function proofNamed(name: string): Proof {
  const found = [...allProofs, ...brokenProofs].find((proof) => nameOfProof(proof) === name)
  if (found === undefined) throw new Error(`There is no proof ${name}`)
  return found
}
