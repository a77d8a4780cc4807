import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Tracer } from '../../../src/engine/node/tracing.ts'
import { TraceLog } from '../../../src/engine/system/trace-log.ts'
import { Inet } from '../../../src/types/index.ts'
import { systemRuntime } from '../../../src/util/index.ts'
import { collectGarbage } from '../../support/runtime.ts'

const address = Inet.parse('127.0.0.1')

function begin(tracer: Tracer, text: string): ReturnType<Tracer['begin']> {
  return tracer.begin('Execute', address, { address, port: 1 }, new Map([['query', text]]))
}

test('traces of long statements do not keep their texts in memory', async () => {
  const log = new TraceLog()
  const tracer = new Tracer(log, systemRuntime)
  const usedBytes = (): number => {
    collectGarbage()
    const { external, heapUsed } = process.memoryUsage()
    return external + heapUsed
  }
  const beforeBytes = usedBytes()
  for (let i = 0; i < 100; i++) begin(tracer, Buffer.alloc(2_000_000, 'a').toString('latin1'))
  expect([...log.sessionRows()]).toHaveLength(100)
  const isReleased = (): boolean => usedBytes() - beforeBytes < 20_000_000
  // The collector releases some of the texts in later turns.
  for (let turn = 0; turn < 20 && !isReleased(); turn++) await setImmediate()
  expect(isReleased()).toBe(true)
})

test('a parameter of a trace is cut after 1,000 characters', () => {
  const tracer = new Tracer(new TraceLog(), systemRuntime)
  const queryOf = (text: string): unknown => begin(tracer, text).parameters.get('query')
  expect(queryOf('é'.repeat(1_000))).toBe('é'.repeat(1_000))
  expect(queryOf('é'.repeat(1_001))).toBe(`${'é'.repeat(1_000)}...`)
})
