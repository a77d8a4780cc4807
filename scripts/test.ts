/**
 * `npm test`: every test of every project, and one line that counts them. Arguments go to vitest.
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

const folder = mkdtempSync(join(tmpdir(), 'tsylla-test-'))
const reportFile = join(folder, 'report.json')
const run = spawnSync(
  'npx',
  [
    ...['--no-install', 'vitest', 'run', '--reporter=default', '--reporter=json'],
    `--outputFile.json=${reportFile}`,
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
/** Without a report nothing was run, which is a failure. */
function readReport(): Report {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as Report
  } catch {
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 }
  }
}

const report = readReport()
rmSync(folder, { recursive: true, force: true })
// A file that cannot even be loaded has no failed test of its own, yet it is a failure.
const failed = Math.max(report.numFailedTests, run.status === 0 ? 0 : 1)
console.log(`${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests} skipped`)
process.exitCode = failed === 0 ? 0 : run.status || 1
