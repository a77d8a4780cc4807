import { expect, test } from 'vitest'
import { sharedState } from '../../src/kernel/shared-state.ts'
import type { Executor } from '../../src/index.ts'

test('one state for one executor and name, whoever asks', () => {
  const [a, b] = [{}, {}] as unknown as [Executor, Executor]
  const state = sharedState(a, 'cache ks.t', () => ({}))
  expect(sharedState(a, 'cache ks.t', () => ({}))).toBe(state)
  expect(sharedState(a, 'cache ks.u', () => ({}))).not.toBe(state)
  expect(sharedState(b, 'cache ks.t', () => ({}))).not.toBe(state)
})
