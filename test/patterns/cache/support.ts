import { Cache, type CacheOptions } from '../../../src/patterns.ts'
import type { Target } from '../../support/targets.ts'
import { FaultyExecutor } from '../support.ts'

/** A cache of another process, whose lives are not shortened at random. */
export function openCache(target: Target, options: CacheOptions = {}): Cache {
  const executor = new FaultyExecutor(target.session)
  return new Cache(executor, { jitter: 0, earlyRefresh: 0, ...options })
}
