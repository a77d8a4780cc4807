/** `npm run check`: every gate, the cheapest first. Stops at the first that fails. */
import { spawnSync } from 'node:child_process'

const gates: readonly (readonly [name: string, command: string])[] = [
  ['format', 'biome format .'],
  // What follows reads the built package by its name.
  ['build', 'tsx scripts/build.ts'],
  ['lint', 'oxlint --type-aware'],
  ['types', 'node node_modules/typescript-7/bin/tsc -p .'],
  ['types of adapters', 'node node_modules/typescript-7/bin/tsc -p test/adapters'],
  ['tidy', 'vitest run --project tidy'],
  ['unit', 'vitest run --project unit'],
  ['public types', 'tsc -p test/public-types/tsconfig.json'],
  ['public surface', 'tsx scripts/api-report.ts'],
  ['package', 'publint --strict'],
  ['package types', 'attw --pack . --profile node16'],
  ['unused', 'knip'],
  ['size', 'tsx scripts/size.ts'],
  ['built package', 'vitest run --project package'],
  ['documents', 'vitest run --project docs'],
]

for (const [name, command] of gates) {
  const startMs = performance.now()
  const run = spawnSync('npx', ['--no-install', ...command.split(' ')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, npm_config_loglevel: 'error' },
  })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${run.status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`)
  if (run.status !== 0) {
    console.log(run.stdout)
    console.log(run.stderr)
    process.exit(1)
  }
}
