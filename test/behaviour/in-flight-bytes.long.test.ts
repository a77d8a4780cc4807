import { describe, expect, test } from 'vitest'
import { connectionInFlightBytesMax } from '../../src/transport/index.ts'
import { answerAll, codesOf, openBlobSession } from '../support/blob-session.ts'

describe('bytes in flight', () => {
  test('140 writes of one value of 16 MB all succeed, a few at a time', async () => {
    const { session, insert, held, heldBytes } = await openBlobSession({
      requestTimeoutMs: 100_000,
    })
    const value = Buffer.alloc(16_000_000, 7)
    const outcomes = Promise.allSettled(
      Array.from({ length: 140 }, () => session.executePrepared(insert, [value])),
    )
    let bytesMax = 0
    await answerAll(held, () => {
      bytesMax = Math.max(bytesMax, heldBytes())
    })
    expect(codesOf(await outcomes)).toEqual(Array.from({ length: 140 }, () => 'ok'))
    expect(bytesMax).toBeLessThan(connectionInFlightBytesMax + value.length)
    await session.close()
  })
})
