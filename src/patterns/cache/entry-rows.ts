import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  toBigInt,
  toDate,
  ttlSecondsMaxAt,
} from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import type { Runtime } from '../../util/index.ts'
import type { CacheEntry, NewCacheEntry } from './cache-entry.ts'

type Int64 = bigint | number | string

interface EntryRow {
  readonly value: Uint8Array | null
  readonly soft_at: Date | bigint | null
  readonly hard_at: Date | bigint | null
  readonly born_us: Int64 | null
  readonly cost_ms: number | null
  readonly tags: ReadonlySet<string> | null
  readonly generation: string | null
  readonly chunk_count: number | null
  readonly written_us: Int64 | null
}

/** Values beyond this are stored in several rows: a cell is read and written as a whole. */
const chunkBytes = 256 * 1_024
/** Statements that write the chunks of a value at the same time. */
const chunkParallelism = 4

/** Tables of entries and of the parts of long values. */
export function entryTables(name: string, ttlSeconds: number): readonly TableDefinition[] {
  return [
    {
      name,
      columns: {
        key: 'text',
        value: 'blob',
        soft_at: 'timestamp',
        hard_at: 'timestamp',
        born_us: 'bigint',
        cost_ms: 'int',
        tags: 'frozen<set<text>>',
        generation: 'uuid',
        chunk_count: 'int',
      },
      partitionKey: ['key'],
      writes: 'plain',
      ttlSeconds,
      hasDeletions: true,
    },
    {
      name: `${name}_chunks`,
      columns: { key: 'text', generation: 'uuid', part: 'int', bytes: 'blob' },
      partitionKey: ['key', 'generation'],
      clusteringKey: { part: 'asc' },
      writes: 'plain',
      ttlSeconds,
    },
  ]
}

/** The statements on entries. */
export class EntryRows {
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Pick<Runtime, 'clock' | 'randomBytes'>
  readonly #table: string
  readonly #chunks: string

  constructor(
    runner: PreparedStatementRunner,
    name: string,
    runtime: Pick<Runtime, 'clock' | 'randomBytes'>,
  ) {
    this.#runner = runner
    this.#runtime = runtime
    this.#table = tableText(name)
    this.#chunks = tableText(`${name}_chunks`)
  }

  get selectText(): string {
    return `SELECT value, soft_at, hard_at, born_us, cost_ms, tags, generation, chunk_count, writetime(value) AS written_us FROM ${this.#table} WHERE key = ?`
  }

  /** @returns `undefined` when there is no entry, or when its parts are not all there */
  async read(key: string): Promise<CacheEntry | undefined> {
    const row = (await this.#runner.run<EntryRow>(this.selectText, [key])).firstRow()
    if (row?.value === null || row?.value === undefined) return undefined
    const bytes = await this.#wholeValue(key, row)
    if (bytes === undefined) return undefined
    const writtenUs = toBigInt(row.written_us ?? 0n)
    // Rows of version 0.1 have a value only, and live as long as their TTL says.
    const timeOf = (value: Date | bigint | null): number =>
      value === null ? Number.MAX_SAFE_INTEGER : toDate(value).getTime()
    return {
      bytes,
      writtenUs,
      softMs: timeOf(row.soft_at),
      hardMs: timeOf(row.hard_at),
      bornUs: row.born_us === null ? writtenUs : toBigInt(row.born_us),
      costMs: row.cost_ms ?? 0,
      tags: new Set(row.tags ?? []),
    }
  }

  /** The write timestamp of the entry; `undefined` when there is none. */
  async readWrittenUs(key: string): Promise<bigint | undefined> {
    const result = await this.#runner.run<{ written_us: Int64 | null }>(
      `SELECT writetime(value) AS written_us FROM ${this.#table} WHERE key = ?`,
      [key],
    )
    const writtenUs = result.firstRow()?.written_us ?? null
    return writtenUs === null ? undefined : toBigInt(writtenUs)
  }

  async write(key: string, entry: NewCacheEntry): Promise<void> {
    const { clock } = this.#runtime
    const lifeMs = entry.hardMs - clock.nowMs()
    const ttl = Math.min(ttlSecondsMaxAt(clock), Math.max(1, Math.ceil(lifeMs / 1_000)))
    const { value, generation, chunkCount } = await this.#writeChunks(key, entry.bytes, ttl)
    const { softMs, hardMs, bornUs, costMs, tags, stampUs } = entry
    await this.#runner.run(
      `INSERT INTO ${this.#table} (key, value, soft_at, hard_at, born_us, cost_ms, tags, generation, chunk_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?`,
      [
        ...[key, value, new Date(softMs), new Date(hardMs), bornUs, Math.round(costMs)],
        ...[tags.size === 0 ? null : tags, generation, chunkCount, ttl, stampUs],
      ],
      { idempotent: true },
    )
  }

  /** Deletes what was written up to a timestamp. The chunks of the entry expire by themselves. */
  async remove(key: string, stampUs: bigint): Promise<void> {
    await this.#runner.run(
      `DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE key = ?`,
      [stampUs, key],
      { idempotent: true },
    )
  }

  /** The keys of all entries, in the order of their tokens. */
  async *keys(): AsyncGenerator<string> {
    const rows = this.#runner.stream<{ key: string }>(`SELECT key FROM ${this.#table}`, [])
    for await (const { key } of rows) yield key
  }

  /**
   * Writes the parts of a long value before the row that names them, so that a row always finds all
   * of its parts. A new generation has new parts: a value is read whole or not at all.
   */
  async #writeChunks(
    key: string,
    bytes: Uint8Array,
    ttl: number,
  ): Promise<{ value: Uint8Array; generation: string | null; chunkCount: number | null }> {
    if (bytes.length <= chunkBytes) return { value: bytes, generation: null, chunkCount: null }
    const generation = randomUuid(this.#runtime).text
    const chunkCount = Math.ceil(bytes.length / chunkBytes)
    let next = 0
    const writeNext = async (): Promise<void> => {
      for (let part = next++; part < chunkCount; part = next++) {
        await this.#runner.run(
          `INSERT INTO ${this.#chunks} (key, generation, part, bytes) VALUES (?, ?, ?, ?) USING TTL ?`,
          [key, generation, part, bytes.subarray(part * chunkBytes, (part + 1) * chunkBytes), ttl],
          { idempotent: true },
        )
      }
    }
    await Promise.all(Array.from({ length: chunkParallelism }, writeNext))
    return { value: new Uint8Array(0), generation, chunkCount }
  }

  async #wholeValue(key: string, row: EntryRow): Promise<Uint8Array | undefined> {
    const { value, generation, chunk_count: chunkCount } = row
    if (generation === null || chunkCount === null) return value ?? undefined
    const parts: Uint8Array[] = []
    const rows = this.#runner.stream<{ part: number; bytes: Uint8Array | null }>(
      `SELECT part, bytes FROM ${this.#chunks} WHERE key = ? AND generation = ?`,
      [key, generation],
    )
    for await (const { part, bytes } of rows) {
      if (part !== parts.length || part >= chunkCount || bytes === null) return undefined
      parts.push(bytes)
    }
    return parts.length === chunkCount ? Buffer.concat(parts) : undefined
  }
}
