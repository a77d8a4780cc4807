import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { type Session, SessionBuilder } from '../../src/index.ts'
import { knownDifferences } from './known-differences.ts'
import { observe } from './observe.ts'
import { parseScript } from './script.ts'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'corpus')
const scripts = readdirSync(folder)
  .filter((name) => name.endsWith('.cql'))
  .map((name) => ({ name, statements: parseScript(readFileSync(join(folder, name), 'utf8')) }))
const cassandra = inject('cassandra')

/** Fewer would prove little. */
const statementCountMin = 600

test(`the corpus has at least ${statementCountMin} different statements`, () => {
  const texts = scripts.flatMap(({ name, statements }) =>
    statements.map(({ text, values, pageSize }) => JSON.stringify([name, text, values, pageSize])),
  )
  expect(new Set(texts).size).toBeGreaterThanOrEqual(statementCountMin)
})

test('every known difference is one still', () => {
  const names = new Set(
    scripts.flatMap(({ name, statements }) => statements.map(({ text }) => `${name} ${text}`)),
  )
  const stale = knownDifferences.filter(
    ({ script, statement }) => !names.has(`${script} ${statement}`),
  )
  expect(stale).toEqual([])
})

describe.skipIf(cassandra === undefined)('the engine answers as Cassandra does', () => {
  for (const { name, statements } of scripts) {
    test(name, { timeout: 180_000 }, async () => {
      const keyspace = `d_${randomBytes(6).toString('hex')}`
      const open = (contactPoint: string): Promise<Session> =>
        new SessionBuilder()
          .knownNode(contactPoint)
          .useKeyspace(keyspace, false)
          .createKeyspace()
          .requestTimeout(30_000)
          .build()
      const path = mkdtempSync(join(tmpdir(), 'tsylla-corpus-'))
      const [engine, onDisk, oracle] = await Promise.all([
        open('embedded:'),
        open(`embedded:${path}`),
        open(cassandra!),
      ])
      try {
        const differences: unknown[] = []
        for (const statement of statements) {
          const [ours, fromDisk, theirs] = await Promise.all([
            observe(engine, keyspace, statement),
            observe(onDisk, keyspace, statement),
            observe(oracle, keyspace, statement),
          ])
          const isKnown = knownDifferences.some(
            (known) => known.script === name && known.statement === statement.text,
          )
          const isDifferent = JSON.stringify(ours) !== JSON.stringify(theirs)
          // What is left of a TTL is compared with Cassandra only: a second may end in between.
          const isSameOnDisk =
            /\bttl\(/i.test(statement.text) || JSON.stringify(ours) === JSON.stringify(fromDisk)
          if (isDifferent === isKnown && isSameOnDisk) continue
          const at = `${name}:${statement.line}`
          differences.push({ at, text: statement.text, isKnown, ours, fromDisk, theirs })
        }
        expect(differences).toEqual([])
      } finally {
        await oracle.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
        await Promise.all([engine.close(), onDisk.close(), oracle.close()])
        rmSync(path, { recursive: true })
      }
    })
  }
})
