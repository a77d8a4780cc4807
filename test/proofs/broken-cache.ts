/** Caches that do not keep what `Cache` promises, with the checks of its proofs. */
import type { Session } from '../../src/index.ts'
import { Cache, type CacheCodec } from '../../src/patterns.ts'
import { cacheBytesProofs, useBesideHostile } from './cache-bytes.ts'
import { cacheProofs, readAll } from './cache.ts'
import { cacheMemoryProofs, memoryCache, readWhileWriting } from './cache-memory.ts'
import { cacheValueProofs, useLongValues, useOddValues, type ValueStore } from './cache-values.ts'
import { perSession, type Proof, type ProofWork } from './proof.ts'

const all = [...cacheProofs, ...cacheValueProofs, ...cacheBytesProofs, ...cacheMemoryProofs]

function proofOf(id: string): Proof {
  return all.find((proof) => proof.id === id)!
}

/** JSON as it is: it has no form for `undefined`, `NaN` and much else, and no version. */
const jsonCodec: CacheCodec = {
  encode: (value) => Buffer.from(JSON.stringify(value, bigintAsText) ?? ''),
  decode(bytes) {
    const text = Buffer.from(bytes).toString()
    try {
      return JSON.parse(text) as unknown
    } catch {
      return text
    }
  },
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

const jsonCache = perSession(({ session, clock }: ProofWork) => {
  return new Cache(session, { clock, codec: jsonCodec })
})
const alonePerProcess = perSession(({ session, clock }: ProofWork) => {
  return new Cache(session, { clock, stampede: 'process' })
})

const createNaiveParts =
  'CREATE TABLE IF NOT EXISTS naive_parts (key text, part int, bytes text, PRIMARY KEY (key, part))'
const naivePartLength = 256 * 1_024

/** The parts of a value replace those of the one before, one after another. */
function naiveParts(session: Session): ValueStore {
  return {
    async set(key, value) {
      const text = String(value)
      const count = Math.ceil(text.length / naivePartLength)
      for (let part = 0; part < count; part++) {
        const bytes = text.slice(part * naivePartLength, (part + 1) * naivePartLength)
        const insert = 'INSERT INTO naive_parts (key, part, bytes) VALUES (?, ?, ?)'
        await session.execute(insert, [key, part, bytes], { idempotent: true })
      }
    },
    async lookup(key) {
      const select = 'SELECT bytes FROM naive_parts WHERE key = ?'
      const rows = (await session.execute<{ bytes: string }>(select, [key])).rowsTyped()
      return { hit: rows.length > 0, value: rows.map(({ bytes }) => bytes).join('') }
    },
  }
}

/** Keeps entries four times as long as it says. */
const forgetfulCache = memoryCache(4_000)

export const brokenCaches: readonly Proof[] = [
  {
    ...proofOf('C1'),
    id: 'broken stampede',
    ...{ keyCount: 2, roundCount: 1 },
    work: (work) => readAll(work, alonePerProcess, 20),
  },
  {
    ...proofOf('C3'),
    id: 'broken values',
    keyCount: 4,
    work: (work) => useOddValues(work, jsonCache(work)),
  },
  {
    ...proofOf('C4'),
    id: 'broken codec',
    keyCount: 4,
    work: (work) => useBesideHostile(work, jsonCache),
  },
  {
    ...proofOf('C5'),
    id: 'broken parts',
    ...{ keyCount: 2, callerCount: 2 },
    createTables: async (session) => {
      await proofOf('C5').createTables(session)
      await session.execute(createNaiveParts)
    },
    work: (work) => useLongValues(work, naiveParts(work.session)),
  },
  {
    ...proofOf('C6'),
    id: 'broken memory',
    keyCount: 4,
    work: (work) => readWhileWriting(work, forgetfulCache),
  },
]
