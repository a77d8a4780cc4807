import { allProofs } from './all-proofs.ts'
import { nameOfProof, type Proof } from './proof.ts'
import { type TargetName, targetNames } from './targets.ts'

/** What was found for one guarantee on one target, over all runs that are counted. */
export interface ProofCount {
  readonly histories: number
  readonly operations: number
  readonly violations: number
}

export interface ProofResults {
  /** When they were last measured, as `YYYY-MM-DD`. */
  readonly date: string
  /** By name of the proof, then by target. */
  readonly counts: Readonly<Record<string, Partial<Record<TargetName, ProofCount>>>>
}

export const beginMarker = '<!-- proofs: written by npm run prove -->'
export const endMarker = '<!-- end of proofs -->'

const numbers = new Intl.NumberFormat('en-US')

/** The table of the README, with the markers around it. */
export function proofTable({ date, counts }: ProofResults): string {
  const rows = allProofs.map((proof) => [
    `\`${proof.pattern}\` ${proof.id}`,
    `${proof.guarantee}. [proof](${proof.file})`,
    ...targetNames.map((target) => cellOf(counts[nameOfProof(proof)]?.[target], proof)),
  ])
  const head = ['', 'guarantee', ...targetNames]
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return [beginMarker, ...lines, '', `Measured on ${date}.`, endMarker].join('\n')
}

function cellOf(count: ProofCount | undefined, proof: Proof): string {
  if (count === undefined) return 'not run'
  const { histories, violations } = count
  const isSafe = violations === 0
  const text = `${numbers.format(histories)} / ${numbers.format(violations)}`
  return isSafe ? text : `**${text}** ${proof.id} does not hold`
}

/** Adds what one run has found. */
export function addCount(
  results: ProofResults,
  name: string,
  target: TargetName,
  found: ProofCount,
): ProofResults {
  const ofProof = results.counts[name] ?? {}
  const before = ofProof[target] ?? { histories: 0, operations: 0, violations: 0 }
  const count = {
    histories: before.histories + found.histories,
    operations: before.operations + found.operations,
    violations: before.violations + found.violations,
  }
  return { ...results, counts: { ...results.counts, [name]: { ...ofProof, [target]: count } } }
}

/** Replaces the table in a document. @throws when it has no markers */
export function withTable(document: string, results: ProofResults): string {
  const begin = document.indexOf(beginMarker)
  const end = document.indexOf(endMarker)
  if (begin === -1 || end < begin) throw new Error('The document has no place for the proofs')
  return document.slice(0, begin) + proofTable(results) + document.slice(end + endMarker.length)
}
