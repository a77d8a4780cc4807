import { describe, expect, test } from 'vitest'
import { AbortRegistry } from '../../src/util/abort-registry.ts'
import {
  openPagingState,
  pagingDigest,
  sealPagingState,
} from '../../src/session/result/paging-state.ts'
import { StatementCache } from '../../src/session/statement/statement-cache.ts'

describe('the statement cache', () => {
  test('keeps one statement a keyspace and text', () => {
    const cache = new StatementCache(10)
    const first = cache.get('a', 'SELECT 1')
    expect(cache.get('a', 'SELECT 1')).toBe(first)
    expect(cache.get('b', 'SELECT 1')).not.toBe(first)
    expect(cache.get(undefined, 'SELECT 1')).not.toBe(first)
    expect(cache.count).toBe(3)
  })

  test('is not changed by looking at it', () => {
    const cache = new StatementCache(2)
    expect(cache.peek('a', 'SELECT 1')).toBeUndefined()
    expect(cache.count).toBe(0)
    const first = cache.get('a', 'SELECT 1')
    cache.get('a', 'SELECT 2')
    expect(cache.peek('a', 'SELECT 1')).toBe(first)
    // It was looked at, but not used: so it is the first to go.
    cache.get('a', 'SELECT 3')
    expect(cache.peek('a', 'SELECT 1')).toBeUndefined()
  })

  test('keeps few statements when their texts are long', () => {
    const cache = new StatementCache(1_000)
    for (let i = 0; i < 200; i++) cache.get('ks', `SELECT ${i} /* ${'x'.repeat(1 << 20)} */`)
    expect(cache.count).toBeLessThanOrEqual(9)
    const long = `SELECT 1 /* ${'x'.repeat(10 << 20)} */`
    expect(cache.get('ks', long)).toBe(cache.get('ks', long))
    expect(cache.count).toBe(1)
  })

  test('never grows beyond its bound, and what is used stays', () => {
    const cache = new StatementCache(50)
    const hot = Array.from({ length: 10 }, (_, i) => cache.get('ks', `SELECT hot${i} FROM t`))
    for (let i = 0; i < 2_000; i++) {
      for (const [j, statement] of hot.entries()) {
        expect(cache.get('ks', `SELECT hot${j} FROM t`)).toBe(statement)
      }
      cache.get(i % 2 === 0 ? 'ks' : 'other', `SELECT cold${i} FROM t`)
      expect(cache.count).toBeLessThanOrEqual(50)
    }
  })
})

describe('abort signals', () => {
  test('one listener serves all requests that share a signal', () => {
    const registry = new AbortRegistry()
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    let aborted = 0
    const waiting = Array.from({ length: 1_000 }, () => ({ onAborted: () => void aborted++ }))
    for (const one of waiting) registry.add(signal, one)
    for (const one of waiting.slice(0, 400)) registry.remove(signal, one)
    controller.abort()
    expect([listeners, aborted]).toEqual([1, 600])
  })
})

describe('a sealed paging state', () => {
  test('opens for its own statement and values only', () => {
    const digest = pagingDigest('ks', 'SELECT 1', Uint8Array.of(1))
    const sealed = sealPagingState(Uint8Array.of(7, 8, 9), digest)
    expect([...openPagingState(sealed, digest)]).toEqual([7, 8, 9])
    for (const other of [
      pagingDigest('ks2', 'SELECT 1', Uint8Array.of(1)),
      pagingDigest('ks', 'SELECT 2', Uint8Array.of(1)),
      pagingDigest('ks', 'SELECT 1', Uint8Array.of(2)),
    ]) {
      expect(() => openPagingState(sealed, other)).toThrow(/another statement/)
    }
    for (const bytes of [new Uint8Array(0), sealed.subarray(0, 9), Uint8Array.of(2, ...sealed)]) {
      expect(() => openPagingState(bytes, digest)).toThrow()
    }
  })
})
