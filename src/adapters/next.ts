import type { NextCacheOptions } from './next/options.ts'
import { NextProcess } from './next/process.ts'
import {
  type NextCached,
  type NextHandlerContext,
  type NextReadContext,
  NextResponses,
  type NextValue,
  type NextWriteContext,
} from './next/response.ts'
import { type NextByteSource, NextUseCache, type NextUseCacheEntry } from './next/use-cache.ts'

export type { NextCacheFailure } from './next/failures.ts'
export type { NextCacheOptions } from './next/options.ts'
export type {
  NextCacheControl,
  NextCached,
  NextHandlerContext,
  NextReadContext,
  NextValue,
  NextWriteContext,
} from './next/response.ts'
export type { NextStoreOptions } from './next/store.ts'
export type { NextByteSource, NextByteStream, NextUseCacheEntry } from './next/use-cache.ts'

/** How long what is stale may be used, in seconds; not at all by default. */
export interface NextTagDurations {
  readonly expire?: number | undefined
}

/** A handler of `cacheHandler`: pages, routes, results of `fetch` and optimized images. */
export interface NextCacheHandler {
  get(key: string, context: NextReadContext): Promise<NextCached | null>
  set(key: string, value: NextValue | null, context: NextWriteContext): Promise<void>
  /** Rejects when the database has failed: what has these tags would be used further. */
  revalidateTag(tags: string | readonly string[], durations?: NextTagDurations): Promise<void>
  resetRequestCache(): void
}

/** A handler of `cacheHandlers`: results of functions that are marked with `'use cache'`. */
export interface NextUseCacheHandler {
  get(key: string, softTags: readonly string[]): Promise<NextUseCacheEntry | undefined>
  set(key: string, pending: Promise<NextUseCacheEntry<NextByteSource>>): Promise<void>
  refreshTags(): Promise<void>
  getExpiration(tags: readonly string[]): Promise<number>
  /** Rejects when the database has failed: what has these tags would be used further. */
  updateTags(tags: readonly string[], durations?: NextTagDurations): Promise<void>
  /** What Next.js 15 calls instead of `updateTags`. */
  expireTags(...tags: readonly string[]): Promise<void>
}

/** The class is what `cacheHandler` wants, and also an object that `cacheHandlers` wants. */
export type NextCacheHandlerClass = NextUseCacheHandler &
  (new (
    context: NextHandlerContext,
  ) => NextCacheHandler)

/**
 * What a module exports by default that `cacheHandler` or `cacheHandlers` of next.config.js name;
 * it may be the same module. All processes that use the table have one cache.
 *
 * When the database fails, Next.js makes what it would have read, and what it would have written is
 * dropped.
 */
export function nextCacheHandler(options: NextCacheOptions): NextCacheHandlerClass {
  const ofProcess = NextProcess.of(options)
  const calls = new NextUseCache(ofProcess)
  const revalidate = async (
    tags: readonly string[],
    durations?: NextTagDurations,
  ): Promise<void> => {
    // Without a time until it expires, what is stale stays so.
    const seconds = durations === undefined ? 0 : (durations.expire ?? Number.MAX_SAFE_INTEGER)
    const failure = { operation: 'revalidate', key: tags.join(', ') } as const
    await ofProcess.require(failure, (store) => store.tags.revalidate(tags, seconds))
  }
  return class TsyllaCacheHandler implements NextCacheHandler {
    static get = calls.get.bind(calls)
    static set = calls.set.bind(calls)
    static updateTags = revalidate
    static expireTags = (...tags: readonly string[]): Promise<void> => revalidate(tags)
    /** Tags are asked for when an entry that has them is read. */
    static refreshTags = async (): Promise<void> => {}
    /** Infinite: `get` is to look at the tags of the request itself. */
    static getExpiration = async (): Promise<number> => Number.POSITIVE_INFINITY

    readonly #responses: NextResponses

    constructor(context: NextHandlerContext) {
      this.#responses = new NextResponses(ofProcess, context)
    }

    async get(key: string, context: NextReadContext): Promise<NextCached | null> {
      return (await this.#responses.get(key, context)) as NextCached | null
    }

    async set(key: string, value: NextValue | null, context: NextWriteContext): Promise<void> {
      await this.#responses.set(key, value, context)
    }

    async revalidateTag(
      tags: string | readonly string[],
      durations?: NextTagDurations,
    ): Promise<void> {
      await revalidate(typeof tags === 'string' ? [tags] : tags, durations)
    }

    /** Nothing is kept for a request but times. */
    resetRequestCache(): void {}
  }
}
