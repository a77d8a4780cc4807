import { describe, expect, test } from 'vitest'
import type { LinkHandler } from '../../src/transport/link.ts'
import { openMemoryLink } from '../../src/transport/memory-link.ts'
import { systemRuntime } from '../../src/util/index.ts'

class Recorder implements LinkHandler {
  readonly received: number[] = []
  closedCount = 0
  onReceived: (() => void) | undefined

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    this.received.push(...bytes.subarray(start, end))
    this.onReceived?.()
  }
  onClosed(): void {
    this.closedCount++
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a memory link', () => {
  test('delivers in order, and never inside write', async () => {
    const server = new Recorder()
    const link = openMemoryLink(new Recorder(), () => server, systemRuntime)
    expect(link.write(Uint8Array.of(1, 2))).toBe(false)
    link.write(Uint8Array.of(3))
    expect(server.received).toEqual([])
    await turn()
    expect(server.received).toEqual([1, 2, 3])
  })

  test('what was written before end arrives before the close', async () => {
    const client = new Recorder()
    let serverLink: { write(bytes: Uint8Array): boolean; end(): void } | undefined
    const server = new Recorder()
    openMemoryLink(
      client,
      (link) => {
        serverLink = link
        return server
      },
      systemRuntime,
    )
    serverLink?.write(Uint8Array.of(9))
    serverLink?.end()
    await turn()
    await turn()
    expect(client.received).toEqual([9])
    expect([client.closedCount, server.closedCount]).toEqual([1, 1])
  })

  test('destroy closes both ends once and drops what was not delivered', async () => {
    const client = new Recorder()
    const server = new Recorder()
    const link = openMemoryLink(client, () => server, systemRuntime)
    link.write(Uint8Array.of(1))
    link.destroy()
    link.destroy()
    link.write(Uint8Array.of(2))
    await turn()
    await turn()
    expect(server.received).toEqual([])
    expect([client.closedCount, server.closedCount]).toEqual([1, 1])
  })

  test('two sides that keep answering each other leave the event loop its turns', async () => {
    let rounds = 0
    const client = new Recorder()
    const server = new Recorder()
    let back: { write(bytes: Uint8Array): boolean } | undefined
    const link = openMemoryLink(
      client,
      (serverLink) => {
        back = serverLink
        return server
      },
      systemRuntime,
    )
    server.onReceived = () => void back?.write(Uint8Array.of(1))
    client.onReceived = () => {
      rounds++
      if (client.received.length < 1_000_000) link.write(Uint8Array.of(1))
    }
    link.write(Uint8Array.of(1))
    for (let i = 0; i < 5; i++) await turn()
    expect(rounds).toBeGreaterThan(0)
    expect(rounds).toBeLessThan(1_000_000)
    link.destroy()
  })
})
