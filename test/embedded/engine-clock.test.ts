import { expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { SessionBuilder } from '../../src/index.ts'
import { runtimeOf } from '../../src/types/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

test('what uses a session on an engine depends on the clock of the engine', async () => {
  const clock = new VirtualClock()
  await using db = await embedded({ clock })
  await using session = await new SessionBuilder().knownNode(db).build()
  expect(runtimeOf(session).clock).toBe(clock)
})
