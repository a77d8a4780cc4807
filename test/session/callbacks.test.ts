import { expect, onTestFinished, test } from 'vitest'
import type { ExecuteOptions, HostFilter } from '../../src/index.ts'
import { guardReconnection } from '../../src/policies/index.ts'
import { ScriptedNode } from '../support/scripted-node.ts'
import { connect, isExecute, serverError, settle } from '../support/scripted-session.ts'
import { collectUnhandledRejections } from '../support/warnings.ts'

const rejected = (): Promise<never> => Promise.reject(new Error('the function is asynchronous'))

/** Options whose functions return promises that reject, where a plain value is expected. */
const asynchronous: readonly (readonly [string, ExecuteOptions, RegExp | undefined])[] = [
  ['retryPolicy.decide', { retryPolicy: { decide: rejected as never } }, /retryPolicy has failed/],
  [
    'speculativeExecutionPolicy.delayMs',
    { speculativeExecutionPolicy: { delayMs: rejected as never } },
    /speculativeExecutionPolicy has returned/,
  ],
  [
    'speculativeExecutionPolicy.onLatency',
    { speculativeExecutionPolicy: { delayMs: () => undefined, onLatency: rejected } },
    undefined,
  ],
  [
    'loadBalancingPolicy.plan',
    { loadBalancingPolicy: { plan: rejected as never } },
    /plan\(\) returned an object, which is no iterable/,
  ],
]

test.each(asynchronous)(
  'a promise of %s that rejects ends no process',
  async (name, options, message) => {
    const unhandled = collectUnhandledRejections()
    const node = new ScriptedNode()
    const session = await connect(node)
    onTestFinished(() => session.close())
    const statement = await session.prepare('SELECT c FROM t WHERE k = ?')
    node.script = (exchange) => {
      if (name !== 'retryPolicy.decide' || !isExecute(exchange)) return 'default'
      exchange.reply(serverError(0x1002))
      return 'done'
    }
    const call = session.executePrepared(statement, [1], options)
    if (message === undefined) await call
    else await expect(call).rejects.toMatchObject({ code: 'TSYLLA_CONFIG' })
    if (message !== undefined) await expect(call).rejects.toThrow(message)
    await settle()
    expect(unhandled).toEqual([])
  },
)

test('promises of a host filter and of a reconnection policy that reject end no process', async () => {
  const unhandled = collectUnhandledRejections()
  const hostFilter = rejected as unknown as HostFilter
  await expect(connect(new ScriptedNode(), { hostFilter })).rejects.toThrow(
    'hostFilter must return true or false',
  )
  expect(guardReconnection({ delayMs: rejected as never }).delayMs(0)).toBe(10_000)
  await settle()
  expect(unhandled).toEqual([])
})
