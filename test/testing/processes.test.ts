import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { type ProcessRun, ProcessRunError, runProcesses, worker } from '../../src/testing.ts'
import { isAlive } from '../../scripts/cassandra/launcher.ts'
import type { BusyArgs, BusyReport } from './support/busy-process.ts'
import { isDeno } from '../support/runtime.ts'

let run: ProcessRun<BusyReport> | undefined

afterEach(async () => {
  await run?.close()
})

async function start(
  args: BusyArgs,
  count = 3,
  options: { readonly timeout?: '1s'; readonly skewMs?: (index: number) => number } = {},
): Promise<ProcessRun<BusyReport>> {
  run = await runProcesses<BusyReport>({
    ...{ module: new URL('support/busy-process.ts', import.meta.url), count, args },
    ...{ execArgv: ['--import', 'tsx'], ...options },
  })
  return run
}

describe.skipIf(isDeno)('processes', () => {
  test('begin together, wait for each other, and share a clock that orders what they do', async () => {
    const { barrierCount } = await start({ task: 'rounds', rounds: 4 })
    expect(barrierCount).toBe(1)
    const reports = await run!.finished()
    expect(run!.barrierCount).toBe(5)
    const times = [0, 1, 2, 3].map((round) =>
      reports.filter((report) => report.round === round).map(({ us }) => us),
    )
    expect(times.map(({ length }) => length)).toEqual([3, 3, 3, 3])
    for (let round = 1; round < 4; round++) {
      expect(Math.min(...times[round]!)).toBeGreaterThan(Math.max(...times[round - 1]!))
    }
    for (const { exit } of run!.processes) expect(exit).toEqual({ code: 0, signal: null })
  })

  test('do not wait for one that has ended', async () => {
    await start({ task: 'unequal' })
    const reports = await run!.finished()
    expect(reports.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual([1, 2])
  })

  test('are killed without losing what they have reported, and the others go on', async () => {
    await start({ task: 'tick' })
    const [first, second] = run!.processes
    await expect.poll(() => first!.reports.length).toBeGreaterThan(3)
    first!.kill()
    expect(await first!.ended).toEqual({ code: null, signal: 'SIGKILL' })
    const rounds = first!.reports.map(({ round }) => round)
    expect(rounds).toEqual(rounds.map((_, i) => i))
    const before = second!.reports.length
    await expect.poll(() => second!.reports.length).toBeGreaterThan(before + 3)
    run!.stop()
    expect((await run!.finished()).length).toBe(run!.reports.length)
    expect(isAlive(first!.pid!)).toBe(false)
  })

  test('are paused and go on', async () => {
    await start({ task: 'tick' }, 2)
    const [paused, other] = run!.processes
    await expect.poll(() => paused!.reports.length).toBeGreaterThan(3)
    paused!.pause()
    expect(paused!.isPaused).toBe(true)
    const goOn = async (count: number): Promise<void> => {
      const before = other!.reports.length
      await expect.poll(() => other!.reports.length).toBeGreaterThan(before + count)
    }
    // What was written before it was stopped has arrived after that.
    await goOn(5)
    const before = paused!.reports.length
    await goOn(20)
    expect(paused!.reports.length).toBe(before)
    paused!.resume()
    await expect.poll(() => paused!.reports.length).toBeGreaterThan(before + 3)
    const times = paused!.reports.map(({ us }) => us)
    const longestUs = Math.max(...times.map((us, i) => us - (times[i - 1] ?? us)))
    expect(longestUs).toBeGreaterThan(20 * 5_000)
  })

  test('have dates that are wrong as told, and jump', async () => {
    await start({ task: 'tick' }, 2, { skewMs: (index) => (index === 0 ? -5_000 : 5_000) })
    const [behind, ahead] = run!.processes
    await expect
      .poll(() => Math.min(behind!.reports.length, ahead!.reports.length))
      .toBeGreaterThan(0)
    expect([behind!.reports[0]?.offsetMs, ahead!.reports[0]?.offsetMs]).toEqual([-5_000, 5_000])
    expect(ahead!.reports[0]!.dateMs! - behind!.reports[0]!.dateMs!).toBeGreaterThan(5_000)
    behind!.setSkew(3_600_000)
    await expect.poll(() => behind!.reports.at(-1)?.offsetMs).toBe(3_600_000)
  })
})

describe.skipIf(isDeno)('a run fails', () => {
  test('when a process fails, with what it wrote, and all have ended', async () => {
    await start({ task: 'fail' })
    await expect(run!.finished()).rejects.toThrow(ProcessRunError)
    await expect(run!.finished()).rejects.toThrow(/Process 1 .* code 1 .*this worker is broken/s)
    expect(run!.processes.every(({ exit }) => exit !== undefined)).toBe(true)
  })

  test('when it takes too long, and says what the processes are at', async () => {
    // The processes begin within the time, or the run fails in the same way before.
    const failure = start({ task: 'silent' }, 2, { timeout: '1s' }).then(() => run!.finished())
    await expect(failure).rejects.toThrow(/within 1s \(.*\): raise timeout/)
  })

  test('when its module does not exist, and for wrong options', async () => {
    const missing = fileURLToPath(new URL('support/none.ts', import.meta.url))
    await expect(runProcesses({ module: missing, count: 1 })).rejects.toThrow(/none\.ts/)
    await expect(runProcesses({ module: '', count: 1 })).rejects.toThrow(/module/)
    await expect(runProcesses({ module: missing, count: 0 })).rejects.toThrow(/count/)
    await expect(runProcesses({ module: missing, count: 1, timeout: 5 })).rejects.toThrow(/timeout/)
  })
})

if (isDeno) {
  test('a run is refused where workers would never end', async () => {
    await expect(start({ task: 'tick' })).rejects.toThrow(/with Node or Bun/)
  })
}

test('a process that was not started by a runner is no worker', () => {
  expect(() => worker()).toThrow(/runProcesses/)
})
