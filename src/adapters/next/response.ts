import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NextProcess } from './process.ts'
import type { NextBirth, NextStart } from './tags.ts'

/** How long a response is fresh and may be used, in seconds. */
export interface NextCacheControl {
  readonly revalidate: number | false
  readonly expire: number | undefined
}

/** What Next.js passes to the constructor of a cache handler. */
export interface NextHandlerContext {
  readonly serverDistDir?: string | undefined
  readonly revalidatedTags?: readonly string[] | undefined
}

/** What Next.js says about an entry that it reads. */
export interface NextReadContext {
  readonly kind?: string | undefined
  readonly revalidate?: number | false | undefined
  readonly tags?: readonly string[] | undefined
  readonly softTags?: readonly string[] | undefined
}

/** What Next.js says about an entry that it writes. */
export interface NextWriteContext {
  readonly kind?: string | undefined
  readonly fetchCache?: boolean | undefined
  readonly tags?: readonly string[] | undefined
  readonly cacheControl?: NextCacheControl | undefined
}

/** What the adapter reads of a value; `kind` is `FETCH`, `APP_PAGE`, `PAGES`, `IMAGE`, … */
export interface NextValue {
  readonly kind: string
  readonly headers?: object | undefined
  readonly revalidate?: number | false | undefined
}

/** What a cache handler returns. `value` is what `set` was given. */
export interface NextCached<Value = never> {
  readonly lastModified: number
  readonly value: Value | null
  readonly cacheControl?: NextCacheControl
}

interface StoredResponse extends NextCached<NextValue>, NextBirth {
  readonly tags: readonly string[]
}

const tagsHeader = 'x-next-cache-tags'
/** Reads that are remembered until the value is written that they did not find. */
const startCountMax = 1_000

/** Responses, results of `fetch` and optimized images. */
export class NextResponses {
  readonly #process: NextProcess
  readonly #context: NextHandlerContext
  /** When the values of keys began to be made: when the read before did not find them. */
  readonly #starts = new Map<string, NextStart>()
  #buildId: Promise<string> | undefined

  constructor(process: NextProcess, context: NextHandlerContext) {
    this.#process = process
    this.#context = context
  }

  async get(key: string, context: NextReadContext): Promise<NextCached<NextValue> | null> {
    const { revalidatedTags = [] } = this.#context
    const { tags = [], softTags = [] } = context
    const space = await this.#spaceOf(context.kind ?? '')
    await this.#process.settled(`${space} ${key}`)
    const found = await this.#process.attempt({ operation: 'get', key }, async (store) => {
      this.#begin(key, { ms: store.clock.nowMs(), order: store.tags.order })
      // The tags of the request are asked for at the same time as the entry.
      const asked = store.tags.ask([...tags, ...softTags])
      const [entry] = await Promise.all([store.read<StoredResponse>(space, key), asked])
      if (entry === undefined) return null
      const all = [...entry.tags, ...tags, ...softTags]
      if (all.some((tag) => revalidatedTags.includes(tag))) return null
      const status = await store.tags.statusOf(all, entry)
      if (status === 'expired') return null
      return status === 'stale' ? staleOf(entry, context, store.clock.nowMs()) : cachedOf(entry)
    })
    return found ?? null
  }

  async set(key: string, value: NextValue | null, context: NextWriteContext): Promise<void> {
    const kind = value?.kind ?? (context.fetchCache === true ? 'FETCH' : (context.kind ?? ''))
    const space = await this.#spaceOf(kind)
    await this.#process.set(`${space} ${key}`, async () => {
      await this.#process.attempt({ operation: 'set', key }, async (store) => {
        const lastModified = store.clock.nowMs()
        const now = { ms: lastModified, order: store.tags.order }
        const start = this.#starts.get(key) ?? now
        this.#starts.delete(key)
        const { tags = [], cacheControl } = context
        const all = [...tags, ...tagsOf(value)]
        const birth = store.tags.birth(all, start)
        const ofEntry = { tags: all, ...(cacheControl !== undefined && { cacheControl }) }
        const entry: StoredResponse = { value, lastModified, ...birth, ...ofEntry }
        const endMs = lastModified + (cacheControl?.expire ?? Number.POSITIVE_INFINITY) * 1_000
        await store.write(space, key, entry, endMs)
      })
    })
  }

  #begin(key: string, start: NextStart): void {
    this.#starts.delete(key)
    this.#starts.set(key, start)
    const [oldest] = this.#starts.size > startCountMax ? this.#starts.keys() : []
    if (oldest !== undefined) this.#starts.delete(oldest)
  }

  /** Results of `fetch` and images outlive a build, as those of Next.js do. */
  async #spaceOf(kind: string): Promise<string> {
    if (kind === 'FETCH' || kind === 'IMAGE') return kind.toLowerCase()
    this.#buildId ??= this.#readBuildId()
    return `build ${await this.#buildId}`
  }

  async #readBuildId(): Promise<string> {
    const { buildId } = this.#process.options
    const { serverDistDir } = this.#context
    if (buildId !== undefined) return buildId
    if (serverDistDir === undefined) return ''
    return await readFile(join(serverDistDir, '..', 'BUILD_ID'), 'utf8').catch(() => '')
  }
}

function tagsOf(value: NextValue | null): string[] {
  const headers: { readonly [tagsHeader]?: unknown } = value?.headers ?? {}
  const header = headers[tagsHeader]
  return typeof header === 'string' && header !== '' ? header.split(',') : []
}

function cachedOf({ value, lastModified, cacheControl }: StoredResponse): NextCached<NextValue> {
  return { value, lastModified, ...(cacheControl !== undefined && { cacheControl }) }
}

/**
 * The entry with times by which Next.js takes it for stale: it uses it once more, and makes its
 * successor at the same time.
 */
function staleOf(
  { value, cacheControl, lastModified }: StoredResponse,
  context: NextReadContext,
  nowMs: number,
): NextCached<NextValue> | null {
  if (value?.kind !== 'FETCH') {
    const expire = cacheControl?.expire
    const staleMs = Math.min(lastModified, nowMs - 2_000)
    return { value, lastModified: staleMs, cacheControl: { revalidate: 1, expire } }
  }
  const revalidate = context.revalidate === false ? undefined : context.revalidate
  const seconds = revalidate || value.revalidate
  if (typeof seconds !== 'number') return null
  return { value, lastModified: Math.min(lastModified, nowMs - (seconds + 1) * 1_000) }
}
