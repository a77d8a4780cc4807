import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { faults, progressed } from '../soak/faults.ts'
import { Load } from '../soak/load.ts'
import { ThreeNodes } from '../soak/three-nodes.ts'

/** What is idempotent never fails while one of three nodes does, in versions 4 and 5. */
describe.skipIf(inject('cassandra') === undefined)('three nodes under load', () => {
  let nodes: ThreeNodes
  let loads: Load[] = []

  beforeAll(async () => {
    nodes = await ThreeNodes.start()
    const { contactPoints } = nodes
    for (const protocolVersionMax of [4, 5] as const) {
      loads.push(
        await Load.start({ contactPoints, protocolVersionMax, workerCount: 4, pauseMs: 5 }),
      )
    }
  }, 300_000)
  afterAll(async () => {
    await Promise.all(loads.map((load) => load.stop()))
    await nodes?.[Symbol.asyncDispose]()
  }, 120_000)

  const expectNoFailures = (): void => {
    expect(loads.flatMap(({ failures }) => failures)).toEqual([])
  }

  test('columns are added and dropped: no caller sees UNPREPARED', async () => {
    await faults['columns added and dropped']!(nodes, 0, loads)
    await progressed(loads, 100)
    expectNoFailures()
  }, 240_000)

  test('a node is killed and started again', async () => {
    await faults['killed and started again']!(nodes, 2, loads)
    expectNoFailures()
  }, 240_000)

  test('a node hangs and goes on', async () => {
    await faults['hangs and goes on']!(nodes, 1, loads)
    expectNoFailures()
  }, 240_000)

  test('all nodes are restarted, one after another', async () => {
    for (const index of [0, 1, 2]) await faults['stopped and started again']!(nodes, index, loads)
    expectNoFailures()
  }, 480_000)

  test('every row is what was written, and no increment was done twice', async () => {
    const reports = await Promise.all(loads.map((load) => load.stop()))
    loads = []
    for (const report of reports) {
      expect(report).toMatchObject({ failures: [], wrongAnswers: [] })
      expect(report.requestCount).toBeGreaterThan(1_000)
    }
  }, 120_000)
})
