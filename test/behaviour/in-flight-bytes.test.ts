import { describe, expect, test } from 'vitest'
import { Opcode } from '../../src/protocol/index.ts'
import { connectionInFlightBytesMax } from '../../src/transport/index.ts'
import { answerAll, codesOf, openBlobSession } from '../support/blob-session.ts'
import { settle } from '../support/scripted-session.ts'

const mebibyte = 1 << 20

describe('bytes in flight', () => {
  test('140 writes of one value of 1 MB all succeed, a few at a time', async () => {
    const { session, insert, held, heldBytes } = await openBlobSession()
    const value = Buffer.alloc(1_000_000, 7)
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

  test('of 1,200 writes of different values, as many wait as the queue holds', async () => {
    const { session, insert, held, heldBytes } = await openBlobSession()
    const valueBytes = mebibyte / 4
    const outcomes = Promise.allSettled(
      Array.from({ length: 1_200 }, (_, i) =>
        session.executePrepared(insert, [Buffer.alloc(valueBytes, i)]),
      ),
    )
    await settle()
    expect(heldBytes()).toBeGreaterThanOrEqual(connectionInFlightBytesMax - valueBytes)
    expect(heldBytes()).toBeLessThan(connectionInFlightBytesMax + valueBytes)
    const sentCount = held.length
    await answerAll(held)
    const codes = codesOf(await outcomes)
    const acceptedCount = codes.filter((code) => code === 'ok').length
    const queuedBytes = (acceptedCount - sentCount) * valueBytes
    expect(queuedBytes).toBeGreaterThan(62 * mebibyte)
    expect(queuedBytes).toBeLessThanOrEqual(64 * mebibyte)
    expect(codes.slice(acceptedCount)).toEqual(
      Array.from({ length: 1_200 - acceptedCount }, () => 'TSYLLA_OVERLOADED'),
    )
    await session.close()
  })

  test('values that change between calls are each stored as they were', async () => {
    const { session, insert, held } = await openBlobSession({ inFlightBytesMax: mebibyte })
    const value = Buffer.alloc(mebibyte)
    const outcomes = Array.from({ length: 5 }, (_, i) => {
      value.fill(i)
      return session.executePrepared(insert, [value])
    })
    value.fill(99)
    const stored: unknown[] = []
    await answerAll(held, () => {
      for (const { request } of held) {
        if (request.opcode !== Opcode.EXECUTE) continue
        const [bytes] = request.parameters.values
        if (bytes instanceof Uint8Array) stored.push(bytes[0], bytes.at(-1))
      }
    })
    await Promise.all(outcomes)
    expect(stored).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    await session.close()
  })

  test('a buffer that is changed for every call counts with every content', async () => {
    const { session, insert, held } = await openBlobSession({
      inFlightBytesMax: mebibyte,
      queueBytesMax: 4 * mebibyte + 4_096,
    })
    const value = Buffer.alloc(mebibyte)
    const outcomes = Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => {
        value.fill(i)
        return session.executePrepared(insert, [value])
      }),
    )
    await answerAll(held)
    const codes = codesOf(await outcomes)
    expect(codes.filter((code) => code === 'ok')).toHaveLength(5)
    expect(codes.filter((code) => code === 'TSYLLA_OVERLOADED')).toHaveLength(3)
    await session.close()
  })

  test('are bounded over all connections of a session', async () => {
    const inFlightBytesMax = 4 * mebibyte
    const { session, insert, held, heldBytes } = await openBlobSession({
      poolSize: 8,
      inFlightBytesMax,
    })
    const value = Buffer.alloc(mebibyte / 2)
    const outcomes = Promise.allSettled(
      Array.from({ length: 64 }, () => session.executePrepared(insert, [value])),
    )
    await settle()
    expect(heldBytes()).toBe(inFlightBytesMax)
    await answerAll(held)
    expect(codesOf(await outcomes)).toEqual(Array.from({ length: 64 }, () => 'ok'))
    await session.close()
  })

  test('a request that is larger than the limit is sent alone', async () => {
    const { session, insert, held } = await openBlobSession({ inFlightBytesMax: mebibyte })
    const large = session.executePrepared(insert, [Buffer.alloc(3 * mebibyte)])
    const small = session.executePrepared(insert, [Buffer.alloc(10)])
    await settle()
    expect(held).toHaveLength(1)
    await answerAll(held)
    await Promise.all([large, small])
    await session.close()
  })

  test('what a lost connection had in flight makes room for the others', async () => {
    const { session, insert, held } = await openBlobSession({
      poolSize: 2,
      inFlightBytesMax: mebibyte,
    })
    const lost = session.executePrepared(insert, [Buffer.alloc(mebibyte)], { idempotent: false })
    const waiting = session.executePrepared(insert, [Buffer.alloc(10)])
    await settle()
    expect(held).toHaveLength(1)
    held.splice(0)[0]!.connection.destroy()
    await expect(lost).rejects.toMatchObject({ code: 'TSYLLA_CONNECTION' })
    await answerAll(held)
    await waiting
    await session.close()
  })
})
