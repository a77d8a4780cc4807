import { expect, test } from 'vitest'
import {
  bindRuntime,
  type Executor,
  randomUuid,
  runtimeOf,
  wrapExecutor,
} from '../../src/types/index.ts'
import { systemRuntime } from '../../src/util/index.ts'
import { SimulatedRuntime } from '../support/simulated-runtime.ts'

test('an executor and everything that wraps it make identifiers from the bound runtime', () => {
  const executor = {} as Executor
  expect(runtimeOf(executor)).toBe(systemRuntime)
  const runtime = new SimulatedRuntime(1)
  bindRuntime(executor, runtime)
  const wrapped = wrapExecutor(executor, (call, next) => next(call))
  const isolated = wrapExecutor(wrapped, (call, next) => next(call), { isolated: true })
  for (const one of [executor, wrapped, isolated]) expect(runtimeOf(one)).toBe(runtime)
  expect(randomUuid(runtimeOf(isolated))).toEqual(randomUuid(new SimulatedRuntime(1)))
})
