import { expect, test } from 'vitest'
import { KeyedQueue } from '../../src/kernel/index.ts'
import { createDeferred } from '../../src/util/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function limitOf(clock: VirtualClock, timeoutMs: number) {
  return { clock, timeoutMs, deadlineMs: clock.monotonicMs() + timeoutMs }
}

test('tasks of one key run one after another, those of different keys side by side', async () => {
  const clock = new VirtualClock()
  const queue = new KeyedQueue()
  const gate = createDeferred<string>()
  const ran: string[] = []
  const task = (name: string) => async () => {
    ran.push(name)
    return await gate.promise
  }
  const all = ['a1', 'a2', 'b1'].map((name) =>
    queue.run(name[0]!, task(name), limitOf(clock, 1_000)),
  )
  expect(ran).toEqual(['a1', 'b1'])
  expect(queue.size).toBe(2)
  gate.resolve('done')
  expect(await Promise.all(all)).toEqual(['done', 'done', 'done'])
  expect(ran).toEqual(['a1', 'b1', 'a2'])
  expect(queue.size).toBe(0)
  expect(clock.pendingCount).toBe(0)
})

test('a task whose deadline passes before its turn never runs, and the next one does', async () => {
  const clock = new VirtualClock()
  const queue = new KeyedQueue()
  const gate = createDeferred<void>()
  const ran: string[] = []
  const first = queue.run('k', () => gate.promise, limitOf(clock, 60_000))
  const hasty = queue.run('k', async () => void ran.push('hasty'), limitOf(clock, 500))
  const patient = queue.run('k', async () => void ran.push('patient'), limitOf(clock, 60_000))
  const late = expect(hasty).rejects.toMatchObject({
    code: 'TSYLLA_REQUEST_TIMEOUT',
    outcome: 'not_applied',
    timeoutMs: 500,
  })
  clock.advance(600)
  await late
  gate.resolve()
  await Promise.all([first, patient])
  expect(ran).toEqual(['patient'])
  expect(queue.size).toBe(0)
})

test('a task that fails does not stop the next one', async () => {
  const clock = new VirtualClock()
  const queue = new KeyedQueue()
  const failed = queue.run('k', () => Promise.reject(new Error('x')), limitOf(clock, 100))
  const next = queue.run('k', async () => 1, limitOf(clock, 100))
  await expect(failed).rejects.toThrow('x')
  expect(await next).toBe(1)
})
