import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { allProofs } from '../proofs/all-proofs.ts'
import { nameOfProof } from '../proofs/proof.ts'
import { addCount, proofTable, type ProofResults, withTable } from '../proofs/results.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const results = JSON.parse(
  readFileSync(join(root, 'test/proofs/results.json'), 'utf8'),
) as ProofResults

test('the table of the README is that of the last proofs', () => {
  // The formatter fills columns with spaces.
  const squeezed = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---')
  expect(squeezed(withTable(readme, results))).toBe(squeezed(readme))
})

test('every guarantee is in the table, and links to its proof', () => {
  const table = proofTable(results)
  for (const { pattern, id, guarantee, file } of allProofs) {
    expect(table).toContain(`| \`${pattern}\` ${id} | ${guarantee}. [proof](${file}) |`)
    expect(existsSync(join(root, file))).toBe(true)
  }
  const names = allProofs.map(nameOfProof)
  expect(new Set(names).size).toBe(names.length)
  expect(Object.keys(results.counts).filter((name) => !names.includes(name))).toEqual([])
})

test('counts add up, and a violation is plain to see', () => {
  const found = { histories: 1_000, operations: 5, violations: 0 }
  const none: ProofResults = { date: '2026-01-01', counts: {} }
  const twice = addCount(addCount(none, 'L2', 'engine', found), 'L2', 'engine', found)
  expect(proofTable(twice)).toMatch(/L2 \|.*\| 2,000 \/ 0 \| not run \| not run \|/)
  const broken = addCount(twice, 'L2', 'cassandra', { ...found, violations: 3 })
  expect(proofTable(broken)).toMatch(/\*\*1,000 \/ 3\*\* L2 does not hold/)
})
