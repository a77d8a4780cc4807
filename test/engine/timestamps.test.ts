import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/index.ts'
import { MonotonicTimestampGenerator } from '../../src/policies/index.ts'
import { openDiskStore } from '../../src/engine/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { ask, openEngine } from './support/ask.ts'

const table = 'CREATE TABLE IF NOT EXISTS t (k int PRIMARY KEY, v int)'

/** Stamps as a session does that writes more often than its clock ticks. */
class Client {
  readonly #timestamps: MonotonicTimestampGenerator
  /** @param aheadUs what its own clock tells more than the engine's */
  constructor(clock: VirtualClock, aheadUs = 0) {
    this.#timestamps = new MonotonicTimestampGenerator({
      nowMs: () => clock.nowMs() + Math.trunc(aheadUs / 1000),
      monotonicMs: () => clock.monotonicMs(),
      schedule: () => ({ cancel() {} }),
    })
  }
  write(engine: Engine, cql: string): Promise<unknown[][]> {
    return ask(engine, cql, [], { timestamp: BigInt(this.#timestamps.next()) })
  }
  async decide(engine: Engine, cql: string): Promise<unknown[][]> {
    const answer = await ask(engine, cql)
    this.#timestamps.onLwtResult()
    return answer
  }
}

describe('a conditional write', () => {
  test('is seen although a client stamped earlier writes ahead of the clock', async () => {
    const clock = new VirtualClock()
    const engine = await openEngine({ clock }, table)
    const client = new Client(clock)
    for (let v = 0; v < 50; v++) {
      await client.write(engine, 'DELETE FROM t WHERE k = 1')
      const insert = `INSERT INTO t (k, v) VALUES (1, ${v}) IF NOT EXISTS`
      expect(await client.decide(engine, insert)).toEqual([[true]])
      expect(await ask(engine, 'SELECT v FROM t')).toEqual([[v]])
    }
  })

  test('is overwritten by what a client stamps in the same microsecond, and later', async () => {
    const clock = new VirtualClock()
    const engine = await openEngine({ clock }, table)
    const client = new Client(clock)
    for (let v = 100; v > 0; v -= 2) {
      await client.write(engine, `INSERT INTO t (k, v) VALUES (1, ${v})`)
      await client.decide(engine, `UPDATE t SET v = 1000 WHERE k = 1 IF v = ${v}`)
      await client.write(engine, `UPDATE t SET v = ${v - 1} WHERE k = 1`)
      expect(await ask(engine, 'SELECT v FROM t')).toEqual([[v - 1]])
    }
  })

  test('is overwritten by a client whose clock ticks later', async () => {
    const clock = new VirtualClock()
    const engine = await openEngine({ clock }, table)
    const client = new Client(clock, -999)
    await client.decide(engine, 'INSERT INTO t (k, v) VALUES (1, 9) IF NOT EXISTS')
    await client.write(engine, 'UPDATE t SET v = 1 WHERE k = 1')
    expect(await ask(engine, 'SELECT v FROM t')).toEqual([[1]])
  })

  test('leaves alone what is stamped in the past', async () => {
    const engine = await openEngine({}, table)
    await ask(engine, 'INSERT INTO t (k, v) VALUES (1, 9) IF NOT EXISTS')
    for (const timestamp of [5n, -7n]) {
      await ask(engine, `INSERT INTO t (k, v) VALUES (2, ${timestamp})`, [], { timestamp })
    }
    expect(await ask(engine, 'SELECT v, writetime(v) FROM t WHERE k = 2')).toEqual([[5, 5n]])
  })

  test('does not follow a client whose clock is far ahead', async () => {
    const clock = new VirtualClock()
    const engine = await openEngine({ clock }, table)
    for (const aheadUs of [3_600_000_000, 900_000, 11_000]) {
      const ahead = new Client(clock, aheadUs)
      await ahead.write(engine, 'INSERT INTO t (k, v) VALUES (1, 1)')
      const other = new Client(clock)
      await other.decide(engine, `INSERT INTO t (k, v) VALUES (${aheadUs % 1000}, 2) IF NOT EXISTS`)
      await other.write(engine, `UPDATE t SET v = 3 WHERE k = ${aheadUs % 1000}`)
      expect(await ask(engine, 'SELECT v FROM t WHERE k = 0')).toEqual([[3]])
    }
  })

  test('changes no stamp of a client, and plain ones of the engine are those of its clock', async () => {
    const clock = new VirtualClock()
    const engine = await openEngine({ clock }, table)
    await ask(engine, 'INSERT INTO t (k, v) VALUES (1, 1)')
    const [[written]] = (await ask(engine, 'SELECT writetime(v) FROM t')) as [[bigint]]
    await ask(engine, 'DELETE FROM t WHERE k = 1', [], { timestamp: written - 1n })
    expect(await ask(engine, 'SELECT v FROM t')).toEqual([[1]])
    await ask(engine, `UPDATE t USING TIMESTAMP ${clock.nowMs() * 1000} SET v = 2 WHERE k = 2`)
    clock.advance(1)
    await ask(engine, 'DELETE FROM t WHERE k = 2')
    expect(await ask(engine, 'SELECT v FROM t WHERE k = 2')).toEqual([])
  })

  test('is seen by an engine on disk whose clock was set back since', async () => {
    const path = await mkdtemp(join(tmpdir(), 'tsylla-timestamps-'))
    const clock = new VirtualClock()
    for (const [v, byMs] of [
      [1, 0],
      [2, 60_000],
      [3, -3_600_000],
    ] as const) {
      clock.advance(byMs)
      const storage = await openDiskStore(path, 'none')
      const engine = await openEngine({ clock, storage }, table)
      await ask(engine, `INSERT INTO t (k, v) VALUES (1, ${v})`)
      await ask(engine, `UPDATE t SET v = ${v * 10} WHERE k = 1 IF v = ${v}`)
      expect(await ask(engine, 'SELECT v FROM t')).toEqual([[v * 10]])
      await engine.close()
      await storage.close()
    }
    await rm(path, { recursive: true })
  })
})
