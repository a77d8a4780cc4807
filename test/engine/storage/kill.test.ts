import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDiskStore, ValueRef } from '../../../src/engine/storage/index.ts'
import { bundle } from '../../support/bundle.ts'

const script = bundle(new URL('support/writer.ts', import.meta.url))

/**
 * Runs the writers, kills them after `count` acknowledgements; the writes that were acknowledged.
 */
async function killAfter(path: string, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let lines = 0
  child.stdout.on('data', (chunk: Buffer) => {
    const text = chunk.toString()
    output += text
    lines += text.split('\n').length - 1
    if (lines >= count) child.kill('SIGKILL')
  })
  await new Promise((resolve) => child.once('exit', resolve))
  return output.slice(0, output.lastIndexOf('\n')).split('\n')
}

test('a killed process keeps what it acknowledged and showed, every batch whole or not at all', async () => {
  const path = await mkdtemp(join(tmpdir(), 'tsylla-kill-'))
  try {
    const acknowledged = new Set<string>()
    for (let round = 0; round < 3; round++) {
      const seen = new Map<string, number>()
      for (const line of await killAfter(path, 1_000 + round * 700)) {
        const saw = /^saw (\d+)\/(\d+)$/.exec(line)
        if (saw === null) acknowledged.add(line)
        else seen.set(saw[1]!, Math.max(seen.get(saw[1]!) ?? 0, Number(saw[2])))
      }
      const store = await openDiskStore(path)
      const value = new ValueRef()
      const read = (key: string): string | undefined =>
        store.get(key, value)
          ? Buffer.from(value.bytes.subarray(value.start, value.end)).toString()
          : undefined
      const isThere = (line: string): boolean =>
        read(`w${line}`) === `value ${line.slice(line.indexOf('/') + 1)}`
      expect([...acknowledged].filter((line) => !isThere(line))).toEqual([])
      for (let writer = 0; writer < 64; writer++) {
        const last = read(`last${writer}`)
        if (last !== undefined) expect(isThere(`${writer}/${last}`)).toBe(true)
      }
      expect(seen.size).toBeGreaterThan(0)
      for (const [writer, last] of seen) {
        expect(Number(read(`last${writer}`))).toBeGreaterThanOrEqual(last)
      }
      await store.close()
    }
    expect(acknowledged.size).toBeGreaterThan(1500)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
})
