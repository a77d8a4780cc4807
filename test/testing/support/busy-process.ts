/** A worker that does what its arguments say, for the tests of the process runner. */
import { worker } from '../../../src/testing/index.ts'

export interface BusyArgs {
  readonly task: 'rounds' | 'tick' | 'fail' | 'silent' | 'unequal'
  readonly rounds?: number
}
export interface BusyReport {
  readonly index: number
  readonly round: number
  readonly us: number
  readonly dateMs?: number
  readonly offsetMs?: number
}

const me = worker<BusyReport, BusyArgs>()
const { index, args } = me
await me.barrier()
const now = (round: number): BusyReport => ({ ...{ index, round }, us: me.machineUs() })

switch (args.task) {
  case 'rounds':
    for (let round = 0; round < (args.rounds ?? 1); round++) {
      me.report(now(round))
      await me.barrier()
    }
    break
  case 'unequal':
    // Process 0 leaves early: the others do not wait for it.
    if (index > 0) {
      await me.barrier()
      me.report(now(1))
    }
    break
  case 'tick':
    for (let round = 0; !me.stopped.aborted; round++) {
      me.report({ ...now(round), dateMs: me.clock.nowMs(), offsetMs: me.clock.offsetMs })
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    break
  case 'fail':
    if (index === 1) throw new Error('this worker is broken')
    await me.barrier()
    break
  case 'silent':
    await new Promise((resolve) => setTimeout(resolve, 600_000))
}
