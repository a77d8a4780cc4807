/** `npm run build`: builds `dist`, and prints the output of the bundler only when it fails. */
import { spawnSync } from 'node:child_process'

const { status, stdout, stderr } = spawnSync('npx', ['--no-install', 'tsdown'], {
  encoding: 'utf8',
})
if (status !== 0) {
  console.error(stdout, stderr)
  process.exitCode = 1
}
