import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'vitest'
import { killWriters } from './support/kill-writers.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsylla-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test('a process killed 20 times keeps what it acknowledged and what was read of it', async () => {
  await killWriters(folder, 20)
}, 240_000)
