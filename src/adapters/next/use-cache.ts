import type { NextProcess } from './process.ts'
import type { NextBirth } from './tags.ts'

/** What is read of a stream. */
export interface NextByteSource {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
  }
}

/** The class `ReadableStream`, where there is one. */
export type NextByteStream = typeof globalThis extends {
  readonly ReadableStream: { readonly prototype: infer Stream }
}
  ? Stream
  : NextByteSource

/** What `'use cache'` keeps of a call. Times are seconds, but `timestamp`: milliseconds. */
export interface NextUseCacheEntry<Stream = NextByteStream> {
  readonly value: Stream
  readonly tags: string[]
  readonly stale: number
  readonly timestamp: number
  readonly expire: number
  readonly revalidate: number
}

interface StoredCall extends NextUseCacheEntry<Uint8Array>, NextBirth {}

const space = 'use cache'

/** Results of functions that are marked with `'use cache'`. */
export class NextUseCache {
  readonly #process: NextProcess

  constructor(process: NextProcess) {
    this.#process = process
  }

  async get(key: string, softTags: readonly string[]): Promise<NextUseCacheEntry | undefined> {
    await this.#process.settled(`${space} ${key}`)
    return await this.#process.attempt({ operation: 'get', key }, async (store) => {
      const asked = store.tags.ask(softTags)
      const [found] = await Promise.all([store.read<StoredCall>(space, key), asked])
      if (found === undefined) return undefined
      const { bornMs, bornAfter, value, ...entry } = found
      const birth = { bornMs, bornAfter }
      const status = await store.tags.statusOf([...entry.tags, ...softTags], birth)
      if (status === 'expired') return undefined
      // Next.js uses an entry that had to be revalidated before, and makes its successor.
      const revalidate = status === 'stale' ? -1 : entry.revalidate
      return { ...entry, revalidate, value: streamOf(value) as NextByteStream }
    })
  }

  async set(key: string, pending: Promise<NextUseCacheEntry<NextByteSource>>): Promise<void> {
    await this.#process.set(`${space} ${key}`, async () => {
      const made = await collect(pending)
      if (made === undefined) return
      await this.#process.attempt({ operation: 'set', key }, async (store) => {
        const { tags, timestamp, expire } = made
        const entry: StoredCall = { ...made, ...store.tags.birth(tags, { ms: timestamp }) }
        await store.write(space, key, entry, timestamp + expire * 1_000)
      })
    })
  }
}

/** @returns `undefined` for what cannot be stored; why it failed is known to Next.js */
async function collect(
  pending: Promise<NextUseCacheEntry<NextByteSource>>,
): Promise<NextUseCacheEntry<Uint8Array> | undefined> {
  try {
    const { value, tags, stale, timestamp, expire, revalidate } = await pending
    // Next.js makes such a value anew for every request.
    if (expire <= 0) return undefined
    return { value: await bytesOf(value), tags, stale, timestamp, expire, revalidate }
  } catch {
    return undefined
  }
}

async function bytesOf(stream: NextByteSource): Promise<Uint8Array> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (value !== undefined) chunks.push(value)
    if (done) return new Uint8Array(Buffer.concat(chunks))
  }
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
