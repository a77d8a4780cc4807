import { createHash } from 'node:crypto'
import {
  type PreparedStatementRunner,
  type TableDefinition,
  tableText,
  ttlSecondsMaxAt,
} from '../../kernel/index.ts'
import { randomUuid } from '../../types/index.ts'
import { asBuffer, type Runtime } from '../../util/index.ts'
import type { CacheEntry, NewCacheEntry } from './cache-entry.ts'
import { areTags } from './cache-options.ts'
import { noEpochs } from './epochs.ts'

interface EntryRow extends EntryFactsRow {
  readonly value: Uint8Array | null
  readonly cost_ms: number | null
  readonly generation: string | null
  readonly chunk_count: number | null
  readonly checksum: Uint8Array | null
}

/** The columns that decide about the use of an entry. */
interface EntryFactsRow {
  readonly soft_ms: Uint8Array | null
  readonly hard_ms: Uint8Array | null
  readonly born_us: Uint8Array | null
  readonly born_after: ReadonlyMap<string, bigint> | null
  readonly tags: ReadonlySet<string> | null
  readonly written_us: Uint8Array | null
}

/** What decides about the use of an entry. */
export type EntryFacts = Pick<
  CacheEntry,
  'softMs' | 'hardMs' | 'bornUs' | 'bornAfter' | 'writtenUs' | 'tags'
>

/** The value of an entry in its row: itself, or the name and the number of its chunks. */
interface StoredValue {
  readonly value: Uint8Array
  readonly generation: string | null
  readonly chunkCount: number | null
}

/** A row that is there. */
export interface CacheRow {
  readonly writtenUs: bigint
  /** `undefined` when the row, or a part of it, cannot be read: another program wrote it. */
  readonly entry: CacheEntry | undefined
}

/** Values beyond this are stored in several rows: a cell is read and written as a whole. */
const chunkBytes = 256 * 1_024
const checksumBytes = 8
/** Statements that write the chunks of a value at the same time. */
const chunkParallelism = 4
/** The last millisecond that a `Date` has. */
const dateMsMax = 8.64e15

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
        // Not bigint, whose form the session chooses.
        born_after: 'frozen<map<text, varint>>',
        cost_ms: 'int',
        tags: 'frozen<set<text>>',
        generation: 'uuid',
        chunk_count: 'int',
        checksum: 'blob',
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

// As bytes: a number that is out of the range of a Date, or of what `int64` of the session chooses,
// would fail the whole row.
const written = 'bigintAsBlob(writetime(value)) AS written_us'
const factColumns = `timestampAsBlob(soft_at) AS soft_ms, timestampAsBlob(hard_at) AS hard_ms, bigintAsBlob(born_us) AS born_us, born_after, tags, ${written}`

/** The statements on entries. */
export class EntryRows {
  readonly #runner: PreparedStatementRunner
  readonly #runtime: Pick<Runtime, 'clock' | 'randomBytes'>
  readonly selectText: string
  readonly #selectWritten: string
  readonly #selectKeys: string
  readonly #selectChunks: string
  readonly #insert: string
  readonly #insertChunk: string
  readonly #delete: string

  constructor(
    runner: PreparedStatementRunner,
    name: string,
    runtime: Pick<Runtime, 'clock' | 'randomBytes'>,
  ) {
    this.#runner = runner
    this.#runtime = runtime
    const table = tableText(name)
    const chunks = tableText(`${name}_chunks`)
    this.selectText = `SELECT value, ${factColumns}, cost_ms, generation, chunk_count, checksum FROM ${table} WHERE key = ?`
    this.#selectWritten = `SELECT ${written} FROM ${table} WHERE key = ?`
    this.#selectKeys = `SELECT key, ${factColumns} FROM ${table}`
    this.#selectChunks = `SELECT part, bytes FROM ${chunks} WHERE key = ? AND generation = ?`
    this.#insert = `INSERT INTO ${table} (key, value, soft_at, hard_at, born_us, born_after, cost_ms, tags, generation, chunk_count, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?`
    this.#insertChunk = `INSERT INTO ${chunks} (key, generation, part, bytes) VALUES (?, ?, ?, ?) USING TTL ?`
    this.#delete = `DELETE FROM ${table} USING TIMESTAMP ? WHERE key = ?`
  }

  /** @returns `undefined` when there is no row with a value */
  async read(key: string): Promise<CacheRow | undefined> {
    const row = (await this.#runner.run<EntryRow>(this.selectText, [key])).firstRow()
    if (row?.value === null || row?.value === undefined) return undefined
    const writtenUs = int64Of(row.written_us) ?? 0n
    const facts = factsOf(row)
    const stored = facts && storedOf(row, row.value, facts)
    const bytes = stored && (await this.#wholeValue(key, stored))
    if (facts === undefined || bytes === undefined) return { writtenUs, entry: undefined }
    return { writtenUs, entry: { ...facts, bytes, costMs: row.cost_ms ?? 0 } }
  }

  /** The write timestamp of the entry; `undefined` when there is none. */
  async readWrittenUs(key: string): Promise<bigint | undefined> {
    const result = await this.#runner.run<{ written_us: Uint8Array | null }>(this.#selectWritten, [
      key,
    ])
    return int64Of(result.firstRow()?.written_us)
  }

  async write(key: string, entry: NewCacheEntry): Promise<void> {
    const { clock } = this.#runtime
    const lifeMs = entry.hardMs - clock.nowMs()
    const ttl = Math.min(ttlSecondsMaxAt(clock), Math.max(1, Math.ceil(lifeMs / 1_000)))
    const stored = await this.#writeChunks(key, entry.bytes, ttl)
    const { value, generation, chunkCount } = stored
    const { softMs, hardMs, bornUs, bornAfter, tags, stampUs } = entry
    const costMs = Math.round(entry.costMs)
    await this.#runner.run(
      this.#insert,
      [
        ...[key, value, new Date(softMs), new Date(hardMs), bornUs, nullIfEmpty(bornAfter)],
        ...[costMs, nullIfEmpty(tags), generation, chunkCount],
        ...[checksumOf({ ...entry, costMs }, stored), ttl, stampUs],
      ],
      { idempotent: true },
    )
  }

  /** Deletes what was written up to a timestamp. The chunks of the entry expire by themselves. */
  async remove(key: string, stampUs: bigint): Promise<void> {
    await this.#runner.run(this.#delete, [stampUs, key], { idempotent: true })
  }

  /** The keys of all entries that can be read, in the order of their tokens. */
  async *keys(): AsyncGenerator<EntryFacts & { readonly key: string }> {
    const rows = this.#runner.stream<EntryFactsRow & { key: string }>(this.#selectKeys, [])
    for await (const row of rows) {
      const facts = row.written_us === null ? undefined : factsOf(row)
      if (facts !== undefined) yield { key: row.key, ...facts }
    }
  }

  /**
   * Writes the parts of a long value before the row that names them, so that a row always finds all
   * of its parts. A new generation has new parts: a value is read whole or not at all.
   */
  async #writeChunks(key: string, bytes: Uint8Array, ttl: number): Promise<StoredValue> {
    if (bytes.length <= chunkBytes) return { value: bytes, generation: null, chunkCount: null }
    const generation = randomUuid(this.#runtime).text
    const chunkCount = Math.ceil(bytes.length / chunkBytes)
    let next = 0
    const writeNext = async (): Promise<void> => {
      for (let part = next++; part < chunkCount; part = next++) {
        await this.#runner.run(
          this.#insertChunk,
          [key, generation, part, bytes.subarray(part * chunkBytes, (part + 1) * chunkBytes), ttl],
          { idempotent: true },
        )
      }
    }
    await Promise.all(Array.from({ length: chunkParallelism }, writeNext))
    return { value: new Uint8Array(0), generation, chunkCount }
  }

  async #wholeValue(key: string, stored: StoredValue): Promise<Uint8Array | undefined> {
    const { value, generation, chunkCount } = stored
    if (generation === null || chunkCount === null) return value
    const parts: Uint8Array[] = []
    const rows = this.#runner.stream<{ part: number; bytes: Uint8Array | null }>(
      this.#selectChunks,
      [key, generation],
    )
    for await (const { part, bytes } of rows) {
      if (part !== parts.length || part >= chunkCount || bytes === null) return undefined
      parts.push(bytes)
    }
    return parts.length === chunkCount ? Buffer.concat(parts) : undefined
  }
}

/** @returns `undefined` when the row is mixed of several */
function storedOf(row: EntryRow, value: Uint8Array, facts: EntryFacts): StoredValue | undefined {
  const { generation, chunk_count: chunkCount, cost_ms: costMs, checksum } = row
  const stored = { value, generation, chunkCount }
  // Version 0.1 and other programs write none.
  if (checksum === null) return stored
  return checksumOf({ ...facts, costMs: costMs ?? 0 }, stored).equals(checksum) ? stored : undefined
}

/**
 * Of two writes with the same timestamp servers keep the larger cell of each column, and no cell
 * before any. What is mixed of two entries that way has the checksum of neither.
 */
function checksumOf(
  {
    softMs,
    hardMs,
    bornUs,
    bornAfter,
    costMs,
    tags,
  }: Omit<EntryFacts, 'writtenUs'> & {
    readonly costMs: number
  },
  { value, generation, chunkCount }: StoredValue,
): Buffer {
  const after = [...bornAfter].map(([name, us]) => `${us} ${name}`)
  const parts = [softMs, hardMs, String(bornUs), after.sort(), costMs, [...tags].sort()]
  const text = JSON.stringify([...parts, generation, chunkCount])
  return createHash('sha256').update(text).update(value).digest().subarray(0, checksumBytes)
}

function nullIfEmpty<T extends { readonly size: number }>(collection: T): T | null {
  return collection.size === 0 ? null : collection
}

/** @returns `undefined` when another program wrote what no entry has */
function factsOf({
  soft_ms: softMs,
  hard_ms: hardMs,
  born_us: bornUs,
  born_after: bornAfter,
  tags: tagList,
  written_us: written,
}: EntryFactsRow): EntryFacts | undefined {
  const tags: ReadonlySet<string> = new Set(tagList ?? [])
  if (!areTags(tags)) return undefined
  const writtenUs = int64Of(written) ?? 0n
  // Rows of version 0.1 have a value only, and live as long as their TTL says.
  const timeOf = (ms: Uint8Array | null): number => Number(int64Of(ms) ?? dateMsMax)
  const facts = {
    ...{ tags, writtenUs },
    softMs: timeOf(softMs),
    hardMs: timeOf(hardMs),
    bornUs: int64Of(bornUs) ?? writtenUs,
    bornAfter: bornAfter ?? noEpochs,
  }
  return isDate(facts.softMs) && isDate(facts.hardMs) ? facts : undefined
}

function isDate(ms: number): boolean {
  return Math.abs(ms) <= dateMsMax
}

function int64Of(bytes: Uint8Array | null | undefined): bigint | undefined {
  return bytes?.length === 8 ? asBuffer(bytes).readBigInt64BE() : undefined
}
