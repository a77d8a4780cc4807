/** Items fetched as they are consumed. */
export interface AsyncRows<T> extends AsyncIterable<T> {
  toArray(): Promise<T[]>
}

/** Turns a generator function into something that can be iterated or collected, each time anew. */
export function asyncRows<T>(generate: () => AsyncGenerator<T>): AsyncRows<T> {
  return {
    [Symbol.asyncIterator]: generate,
    async toArray() {
      const items: T[] = []
      for await (const item of generate()) items.push(item)
      return items
    },
  }
}
