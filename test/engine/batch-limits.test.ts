import { describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { ask, openEngine } from './support/ask.ts'

const open = (batchLimits?: object): Promise<Engine> =>
  openEngine({ batchLimits }, 'CREATE TABLE t (k int, c int, v text, PRIMARY KEY (k, c))')

function batch(kind: string, partitionCount: number, bytes: number): string {
  const text = 'x'.repeat(bytes)
  const parts = Array.from(
    { length: partitionCount },
    (_, k) => `INSERT INTO t (k, c, v) VALUES (${k}, 1, '${text}');`,
  )
  return `BEGIN ${kind} BATCH ${parts.join(' ')} APPLY BATCH`
}

async function warningsOf(engine: Engine, cql: string): Promise<readonly string[]> {
  return (await engine.query(cql, 'ks')).warnings
}

describe('a batch', () => {
  test('on several partitions is refused when it is too large, and leaves nothing', async () => {
    const engine = await open()
    await expect(ask(engine, batch('', 2, 26_000))).rejects.toMatchObject({
      serverCode: 0x2200,
      message: 'Batch too large',
    })
    expect(await ask(engine, 'SELECT k FROM t')).toEqual([])
  })

  test('on one partition may be as large as it likes', async () => {
    const engine = await open()
    expect(await warningsOf(engine, batch('', 1, 100_000))).toEqual([])
  })

  test('that is large is warned of, as one without a log that spans many partitions', async () => {
    const engine = await open()
    expect(await warningsOf(engine, batch('', 2, 3_000))).toEqual([
      'Batch for [ks.t] is of size 6148, exceeding specified threshold of 5120 by 1028.',
    ])
    expect(await warningsOf(engine, batch('', 11, 1))).toEqual([])
    expect(await warningsOf(engine, batch('UNLOGGED', 11, 1))).toEqual([
      'Unlogged batch covering 11 partitions detected against table [ks.t]. You should use a logged batch for atomicity, or asynchronous writes for performance.',
    ])
  })

  test('may be larger where the engine was told so', async () => {
    const engine = await open({ failBytes: Number.POSITIVE_INFINITY, warnBytes: 1_000_000 })
    expect(await warningsOf(engine, batch('', 2, 100_000))).toEqual([])
  })
})
