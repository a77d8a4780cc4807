import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { aboveEntries, doorExceptions, engineRooms, type Room, rooms } from '../../scripts/rooms.ts'
import { packageImports, relativeImports, type SourceFile, sourceFiles } from './source.ts'

const files = sourceFiles('src')
const byName = new Map<string, Room>(rooms.map((room) => [room.name, room]))

/** The room of a path under `src/`, or `undefined` for an entry point. */
function roomOf(path: string): string | undefined {
  const [, first, rest] = path.split('/')
  return rest === undefined ? undefined : first
}

function importFault(from: string, to: string): string | undefined {
  const room = roomOf(from)
  const target = roomOf(to)
  if (room === undefined || room === target) return undefined
  const above = aboveEntries[room]
  if (above !== undefined) {
    return target === undefined || above.includes(target) ? undefined : `may not import ${target}`
  }
  if (target === undefined) return 'imports an entry point'
  const rules = byName.get(room)
  if (rules === undefined) return 'is in a room that scripts/rooms.ts does not know'
  return rules.mayImport.includes(target) ? undefined : `may not import ${target}`
}

describe('rooms', () => {
  test('every import goes downward, as scripts/rooms.ts allows', () => {
    const faults = files.flatMap((file) =>
      relativeImports(file).flatMap((to) => {
        const fault = importFault(file.path, to)
        return fault === undefined ? [] : [`${file.path} ${fault} (${to})`]
      }),
    )
    expect(faults).toEqual([])
  })

  test('a room uses the modules and packages that scripts/rooms.ts allows, and not itself', () => {
    const faults = files.flatMap((file) => {
      const allowed = byName.get(roomOf(file.path) ?? '')?.mayUse ?? []
      const isAbove = aboveEntries[roomOf(file.path) ?? ''] !== undefined
      return packageImports(file)
        .filter((name) => /^tsylla(\/|$)/.test(name) || (!isAbove && !allowed.includes(name)))
        .map((name) => `${file.path} imports ${name}`)
    })
    expect(faults).toEqual([])
  })

  test('a room is entered by its door only, and never by itself', () => {
    const faults = files.flatMap((file) =>
      relativeImports(file).flatMap((to) => {
        const target = roomOf(to)
        if (target === undefined) return []
        const door = `src/${target}/index.ts`
        if (roomOf(file.path) === target) {
          return to === door ? [`${file.path} imports its own door`] : []
        }
        if (to === door || doorExceptions.includes(to) || target === 'patterns') return []
        return [`${file.path} imports ${to} past its door`]
      }),
    )
    expect(faults).toEqual([])
  })

  test('rooms only import rooms of a lower level', () => {
    const faults = rooms.flatMap((room) =>
      room.mayImport
        .filter((name) => (byName.get(name)?.level ?? Number.POSITIVE_INFINITY) >= room.level)
        .map((name) => `${room.name} → ${name}`),
    )
    expect(faults).toEqual([])
  })

  test('the rooms of the engine import each other downward, as far as they need to', () => {
    const used = engineImports(files)
    const faults = engineRooms.flatMap(({ name, mayImport }, level) => {
      const below = new Set(engineRooms.slice(0, level).map((room) => room.name))
      const upward = mayImport.filter((to) => !to.endsWith('.ts') && !below.has(to))
      const imported = used.get(name) ?? new Set()
      return [
        ...upward.map((to) => `${name} may import ${to}, which is not below it`),
        ...[...imported].filter((to) => !mayImport.includes(to)).map((to) => `${name} → ${to}`),
        ...mayImport.filter((to) => !imported.has(to)).map((to) => `${name} does not use ${to}`),
      ]
    })
    expect(faults).toEqual([])
    const known = new Set(engineRooms.map(({ name }) => name))
    expect([...used.keys()].filter((name) => !name.endsWith('.ts') && !known.has(name))).toEqual([])
  })

  test('there is no import cycle, type imports included', () => {
    expect(findCycle(new Map(files.map((file) => [file.path, relativeImports(file)])))).toEqual([])
  })

  test('every room has a door, and no room is an empty shell', () => {
    const folders = new Set(files.map((file) => roomOf(file.path)).filter((name) => name))
    const doors = new Set(files.map((file) => file.path))
    const without = [...folders].filter((name) => {
      if (name === 'patterns' || name === 'adapters') return false
      return name !== 'cli' && !doors.has(`src/${name}/index.ts`)
    })
    expect(without).toEqual([])
    expect(dirname('src/util/index.ts')).toBe('src/util')
  })
})

/** What each folder of the engine, or file directly in it, imports of the others. */
function engineImports(files: readonly SourceFile[]): Map<string, Set<string>> {
  const imports = new Map<string, Set<string>>()
  const partOf = (path: string): string | undefined => /^src\/engine\/([^/]+)/.exec(path)?.[1]
  for (const file of files) {
    const from = partOf(file.path)
    if (from === undefined) continue
    const used = imports.get(from) ?? new Set()
    imports.set(from, used)
    for (const path of relativeImports(file)) {
      const to = partOf(path)
      if (to !== undefined && to !== from) used.add(to)
    }
  }
  return imports
}

/** One import cycle as a list of paths, or an empty list. */
function findCycle(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] => {
    if (done.has(file)) return []
    const at = path.indexOf(file)
    if (at !== -1) return [...path.slice(at), file]
    path.push(file)
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next)
      if (cycle.length > 0) return cycle
    }
    path.pop()
    done.add(file)
    return []
  }
  for (const file of imports.keys()) {
    const cycle = visit(file)
    if (cycle.length > 0) return cycle
  }
  return []
}
