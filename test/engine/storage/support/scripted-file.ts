import type { DiskFile, DiskRange } from '../../../../src/engine/storage/disk-file.ts'

function isWithin({ start, end, exclusiveStart, inclusiveEnd }: DiskRange, key: string): boolean {
  const low = start?.toString('latin1') ?? ''
  const high = end?.toString('latin1')
  if (exclusiveStart === true ? key <= low : key < low) return false
  return high === undefined || (inclusiveEnd === true ? key <= high : key < high)
}

/** A file that commits when it is told to, or fails. */
export class ScriptedFile implements DiskFile {
  readonly entries: Map<string, Buffer> = new Map()
  readonly commits: { succeed(): void; fail(): void; readonly keys: string[] }[] = []
  #keys: string[] = []

  getBinaryFast(key: Buffer): Buffer | undefined {
    return this.entries.get(key.toString('latin1'))
  }
  getRange(range: DiskRange): Iterable<{ key: Buffer; value: Buffer }> {
    return [...this.entries]
      .filter(([key]) => isWithin(range, key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key: Buffer.from(key, 'latin1'), value }))
  }
  put(key: Buffer, value: Buffer): void {
    this.#keys.push(key.toString('latin1'))
    this.entries.set(key.toString('latin1'), value)
  }
  remove(key: Buffer): void {
    this.entries.delete(key.toString('latin1'))
  }
  batch(action: () => void): Promise<unknown> {
    this.#keys = []
    action()
    const keys = this.#keys
    return new Promise((resolve, reject) => {
      this.commits.push({
        keys,
        succeed: () => resolve(true),
        fail: () => reject(new Error('No space left on device')),
      })
    })
  }
  resetReadTxn(): void {}
  useReadTransaction(): { done(): void } {
    return { done: () => {} }
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
}
