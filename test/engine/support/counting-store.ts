import {
  type KeyRange,
  type KvCursor,
  MemoryStore,
  type ValueRef,
  type WriteBatch,
} from '../../../src/engine/storage/index.ts'

/** A store in memory that counts its work. */
export class CountingStore extends MemoryStore {
  /** Look-ups and steps of cursors. */
  readCount = 0
  entriesWritten = 0
  bytesWritten = 0

  override get(key: string, into: ValueRef): boolean {
    this.readCount++
    return super.get(key, into)
  }

  override has(key: string): boolean {
    this.readCount++
    return super.has(key)
  }

  override scan(range: KeyRange): KvCursor {
    const cursor = super.scan(range)
    const next = cursor.next.bind(cursor)
    cursor.next = () => {
      this.readCount++
      return next()
    }
    return cursor
  }

  override write(batch: WriteBatch): void {
    this.entriesWritten += batch.count
    this.bytesWritten += batch.sink.length
    super.write(batch)
  }

  /** The work that an action causes. */
  async count(action: () => unknown): Promise<Work> {
    const { readCount, entriesWritten, bytesWritten } = this
    await action()
    return {
      reads: this.readCount - readCount,
      entries: this.entriesWritten - entriesWritten,
      bytes: this.bytesWritten - bytesWritten,
    }
  }
}

export interface Work {
  readonly reads: number
  readonly entries: number
  readonly bytes: number
}
