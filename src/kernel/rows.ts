/** Items fetched as they are consumed. */
export interface AsyncRows<T> extends AsyncIterable<T> {
  toArray(): Promise<T[]>
}

/** Turns a generator function into an iterable; each iteration calls the function again. */
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
