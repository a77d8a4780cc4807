/** Names longer than this are not compared: the work grows with the product of the lengths. */
const comparedLengthMax = 64

/**
 * Finds the candidate that a misspelt name most likely stands for.
 *
 * @returns the candidate with the fewest edits, or `undefined` when none is close: at most a third
 *   of the name's characters may differ
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > comparedLengthMax) return undefined
  let nearest: string | undefined
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (edits < fewest) {
      fewest = edits
      nearest = candidate
    }
  }
  return nearest
}

/** Returns ` Did you mean "…"?` for the nearest candidate, or an empty text. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates)
  return nearest === undefined ? '' : ` Did you mean ${JSON.stringify(nearest)}?`
}

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours
 * count one each.
 */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isEqual = a[i - 1] === b[j - 1]
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isEqual ? 0 : 1))
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) edits = Math.min(edits, beforeLast[j - 2]! + 1)
      row.push(edits)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
