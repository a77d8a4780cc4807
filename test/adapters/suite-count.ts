import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Target } from '../support/targets.ts'

const root = new URL('../../', import.meta.url)

/**
 * Counts the tests that a published suite defines on each target, and compares them with the table
 * in docs/adapters.md. That they pass is what the run of them says.
 */
export class SuiteCount {
  readonly #counts: Record<Target['name'], number> = { engine: 0, cassandra: 0 }

  add(name: Target['name']): void {
    this.#counts[name]++
  }

  /**
   * @param packageName of the suite, with which its cell in the table begins
   * @param what runs, if the cell names it, too
   */
  testTable(packageName: string, what = ''): void {
    test(`docs/adapters.md has the counts of the suite of ${packageName} ${what}`, () => {
      const { engine, cassandra } = this.#counts
      const row = rowOf(packageName, what)
      expect(row).toEqual([versionOf(packageName), `${engine}`, `${cassandra}`])
    })
  }
}

function versionOf(packageName: string): string {
  const manifest = readFileSync(new URL(`node_modules/${packageName}/package.json`, root), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** Version, and how many tests pass on the engine and on Cassandra. */
function rowOf(packageName: string, what: string): string[] {
  const lines = readFileSync(new URL('docs/adapters.md', root), 'utf8').split('\n')
  const isRow = (line: string): boolean =>
    line.startsWith(`| \`${packageName}`) && line.includes(what) && /\d +\|$/.test(line)
  const row = lines.find(isRow)
  const cells = row?.split('|').map((cell) => cell.trim()) ?? []
  return cells.slice(-4, -1)
}
