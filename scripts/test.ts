/**
 * `npm test`: the tests of every project but the long ones and the documents, and one line that
 * counts them. `--all` (`npm run test:all`) adds those. Other arguments go to vitest.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
}

/**
 * Projects of `vitest.config.ts` that run without `--all`: neither long nor from the registry. The
 * blocks of the documents run in `npm run check`, and here with `--all`.
 */
const quickProjects = ['tidy', 'unit', 'package', 'servers', 'observers']

const isAll = process.argv.includes('--all')
const parameters = process.argv.slice(2).filter((parameter) => parameter !== '--all')
const selection = isAll ? [] : quickProjects.map((name) => `--project=${name}`)

const folder = mkdtempSync(join(tmpdir(), 'tsylla-test-'))
const reportFile = join(folder, 'report.json')
const run = spawnSync(
  'npx',
  [
    ...['--no-install', 'vitest', 'run', '--reporter=default', '--reporter=json'],
    `--outputFile.json=${reportFile}`,
    ...selection,
    ...parameters,
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
/** Reads the report of vitest. Without one nothing was run, which is a failure. */
function readReport(): Report {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as Report
  } catch {
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 }
  }
}

const report = readReport()
rmSync(folder, { recursive: true, force: true })
// A file that cannot be loaded has no failed test of its own, but it is a failure.
const failed = Math.max(report.numFailedTests, run.status === 0 ? 0 : 1)
console.log(`${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests} skipped`)
process.exitCode = failed === 0 ? 0 : run.status || 1
