import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { relativeImports, root, sourceFiles } from './source.ts'

type Graph = ReadonlyMap<string, ReadonlySet<string>>

const charts = [
  ...readFileSync(join(root, 'docs/architecture.md'), 'utf8').matchAll(
    /^```mermaid\nflowchart \w+\n([\s\S]*?)^```$/gm,
  ),
].map(([, chart]) => chart!)

/** The arrows of a flowchart between folders; a node without a folder as label keeps its id. */
function arrowsOf(chart: string): Graph {
  const folders = new Map(
    [...chart.matchAll(/(\w+)\["(?:\w+\/)*(\w+)\/"\]/g)].map(([, id, folder]) => [id!, folder!]),
  )
  const arrows = new Map<string, Set<string>>()
  for (const line of chart.split('\n')) {
    const ids = line.split('-->').map((part) => /\w+/.exec(part)?.[0] ?? '')
    const nodes = ids.map((id) => folders.get(id) ?? id)
    for (const [i, to] of nodes.entries()) {
      if (i > 0) addTo(arrows, nodes[i - 1]!, to)
    }
  }
  return arrows
}

/** The imports between folders of the sources, where `partOf` names the folder of a path. */
function importsBetween(partOf: (path: string) => string | undefined): Graph {
  const imports = new Map<string, Set<string>>()
  for (const file of sourceFiles('src')) {
    const from = partOf(file.path)
    for (const path of relativeImports(file)) {
      const to = partOf(path)
      if (from !== undefined && to !== undefined && from !== to) addTo(imports, from, to)
    }
  }
  return imports
}

function addTo(graph: Map<string, Set<string>>, from: string, to: string): void {
  const targets = graph.get(from) ?? new Set()
  graph.set(from, targets.add(to))
}

function edgesOf(graph: Graph): (readonly [from: string, to: string])[] {
  return [...graph].flatMap(([from, targets]) => [...targets].map((to) => [from, to] as const))
}

function leadsTo(graph: Graph, from: string, to: string): boolean {
  return [...(graph.get(from) ?? [])].some((next) => next === to || leadsTo(graph, next, to))
}

/** The room of a path; entry points and what stands above them are one. */
function roomOf(path: string): string {
  const [, first, rest] = path.split('/')
  return rest === undefined || first === 'cli' ? 'entries' : first!
}

/** The folder of the engine that a path lies in; files directly in `src/engine` are in none. */
function engineRoomOf(path: string): string | undefined {
  return /^src\/engine\/(\w+)\//.exec(path)?.[1]
}

describe.each([
  ['rooms', charts[0]!, importsBetween(roomOf)],
  ['the rooms of the engine', charts[1]!, importsBetween(engineRoomOf)],
] as const)('the diagram of %s', (_, chart, imports) => {
  const arrows = arrowsOf(chart)

  test('shows imports that exist', () => {
    const wrong = edgesOf(arrows).filter(([from, to]) => !imports.get(from)?.has(to))
    expect(wrong).toEqual([])
  })

  test('leaves out only imports that follow from its arrows', () => {
    const missing = edgesOf(imports).filter(([from, to]) => !leadsTo(arrows, from, to))
    expect(missing).toEqual([])
  })
})
