/** The rules of reconciliation, told as simply as they can be: everything ever written is kept. */

export interface Deletion {
  readonly ts: bigint
}

export interface CellWrite {
  readonly row: string
  readonly column: string
  /** Key of an element; undefined for simple columns. */
  readonly path: number | undefined
  readonly ts: bigint
  readonly ttl: number
  /** When it expires, or when the tombstone was made. */
  readonly time: number
  /** undefined is a tombstone. */
  readonly value: Buffer | undefined
}

interface Liveness {
  readonly row: string
  readonly ts: bigint
  readonly ttl: number
  readonly time: number
}

/** Live content of a row: `column` or `column[path]` to value and timestamp. */
export type LiveRow = Record<string, string>

export const staticRow = 'static'

export class PartitionModel {
  readonly cells: CellWrite[] = []
  readonly liveness: Liveness[] = []
  readonly partitionDeletions: Deletion[] = []
  readonly rowDeletions: (Deletion & { readonly row: string })[] = []
  readonly rangeDeletions: (Deletion & { readonly covers: (row: string) => boolean })[] = []
  readonly columnDeletions: (Deletion & { readonly row: string; readonly column: string })[] = []

  #deletedUpTo(row: string, column?: string): bigint {
    const all = [
      ...this.partitionDeletions,
      ...this.rowDeletions.filter((deletion) => deletion.row === row),
      ...this.rangeDeletions.filter(({ covers }) => row !== staticRow && covers(row)),
      ...this.columnDeletions.filter(
        (deletion) => deletion.row === row && deletion.column === column,
      ),
    ]
    return all.reduce((latest, { ts }) => (ts > latest ? ts : latest), -(1n << 63n))
  }

  /** The row as read at `now`, or undefined when it is not there. */
  read(row: string, now: number): LiveRow | undefined {
    const live: LiveRow = {}
    const keys = new Set(
      this.cells.filter((cell) => cell.row === row).map(({ column, path }) => `${column}|${path}`),
    )
    for (const key of keys) {
      const versions = this.cells.filter(
        (cell) => cell.row === row && `${cell.column}|${cell.path}` === key,
      )
      const { column, path } = versions[0]!
      const limit = this.#deletedUpTo(row, column)
      const [winner] = versions.filter(({ ts }) => ts > limit).sort(later)
      if (winner?.value === undefined || (winner.ttl > 0 && winner.time <= now)) continue
      const name = path === undefined ? column : `${column}[${path}]`
      const expiry = winner.ttl > 0 ? winner.time : ''
      live[name] = `${winner.value.toString('latin1')}@${winner.ts}~${expiry}`
    }
    const limit = this.#deletedUpTo(row)
    const [kept] = this.liveness
      .filter((liveness) => liveness.row === row && liveness.ts > limit)
      .sort(laterLiveness)
    const isAlive = kept !== undefined && (kept.ttl === 0 || kept.time > now)
    return isAlive || Object.keys(live).length > 0 ? live : undefined
  }
}

function byTimestamp(a: { ts: bigint }, b: { ts: bigint }): number {
  return a.ts > b.ts ? -1 : a.ts < b.ts ? 1 : 0
}

/** Winner first: timestamp; tombstone, expiring, lasting; later time; smaller TTL; larger value. */
function later(a: CellWrite, b: CellWrite): number {
  const rank = ({ value, ttl }: CellWrite): number => (value === undefined ? 2 : ttl > 0 ? 1 : 0)
  return (
    byTimestamp(a, b) ||
    rank(b) - rank(a) ||
    (rank(a) === 0 ? 0 : b.time - a.time || a.ttl - b.ttl) ||
    Buffer.compare(b.value ?? Buffer.alloc(0), a.value ?? Buffer.alloc(0))
  )
}

function laterLiveness(a: Liveness, b: Liveness): number {
  return (
    byTimestamp(a, b) ||
    Number(b.ttl > 0) - Number(a.ttl > 0) ||
    (a.ttl === 0 ? 0 : b.time - a.time || a.ttl - b.ttl)
  )
}
