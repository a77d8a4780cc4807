import { syntaxError } from '../errors.ts'

/** How deep a statement may be: what reads its tree calls itself for every level. */
const depthMax = 1_000
/** No shorter text is as deep. */
const lengthMin = depthMax * 2

/**
 * Refuses a tree that is too deep. The parser counts brackets; `k + k + …` and `k.a.a…` become as
 * deep as they are long without any.
 */
export function checkDepth(text: string, statement: object): void {
  if (text.length < lengthMin) return
  const nodes: object[] = [statement]
  const depths: number[] = [0]
  for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
    const depth = depths.pop()! + 1
    if (depth > depthMax) throw syntaxError('The statement is nested too deep')
    for (const child of Object.values(node) as unknown[]) {
      if (typeof child !== 'object' || child === null) continue
      nodes.push(child)
      depths.push(depth)
    }
  }
}
