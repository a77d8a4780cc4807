import { UNSET } from '../../protocol/index.ts'
import type { PartitionsPath } from '../analyze/access-path.ts'
import type { TokenBounds } from '../analyze/restriction-set.ts'
import type { SelectPlan } from '../analyze/select.ts'
import { partitionComponents, type PartitionKey } from '../keys/index.ts'
import { invalid, protocolFault } from '../errors.ts'
import type { QueryContext } from '../query-context.ts'
import type {
  ClusteringSlice,
  RowCursor,
  RowReader,
  ScanOptions,
  TokenBound,
} from '../rows/index.ts'
import { checkKeyLength, clusteringSlicesOf, uncheckedPartitionKeysOf } from './key-values.ts'
import { pagingStateInvalid } from './messages.ts'
import type { PagePosition } from './paging-state.ts'
import { asBuffer } from '../../util/index.ts'

/** Position to continue at: behind a row or a partition. Without `partition`, the only one. */
export type Resume = Pick<PagePosition, 'partition' | 'clustering'>

/** The partitions a read visits one after the other. */
export interface RowSource {
  /** Moves to the next partition. Returns false at the end or when the budget is used up. */
  next(): boolean
  /** The cursor in the partition; valid after `next` was true. */
  readonly cursor: RowCursor
  /** Whether `next` stopped because of the budget, not at the end. */
  readonly isPaused: boolean
  /** Whether the plan selects no partitions or rows, whatever is stored. */
  readonly isEmpty: boolean
  /** Whether it is known that no partition follows. */
  readonly isLast: boolean
  /** Values of the partition key columns. */
  readonly components: readonly Uint8Array[]
  /** How many stored entries may be visited before a pause. */
  setBudget(budget: number): void
}

/** Opens the source of a plan, at its start or behind a place. */
export interface SourceOpener {
  /** Whether there is one partition at most, so that places need not name it. */
  readonly isOnePartition: boolean
  /** Whether partitions are read in the order of their tokens, not by key. */
  readonly isScan: boolean
  open(reader: RowReader, resume: Resume | undefined): RowSource
}

/**
 * Evaluates the access path of a plan, once: the source can then be opened again on a snapshot.
 */
export function sourceOpener(plan: SelectPlan, query: QueryContext): SourceOpener {
  const { access } = plan.restrictions
  switch (access.kind) {
    case 'partitions':
      return partitionsOpener(plan, access, query)
    case 'tokenRange': {
      const range = tokenRange(access.token, query)
      return {
        isOnePartition: false,
        isScan: true,
        open: (reader, resume) => new ScanSource(plan, query, range, reader, resume),
      }
    }
  }
}

function partitionsOpener(
  plan: SelectPlan,
  access: PartitionsPath,
  query: QueryContext,
): SourceOpener {
  const keys = uncheckedPartitionKeysOf(plan.table, access, query)
  const slices = clusteringSlicesOf(plan.restrictions, query)
  const { token } = access
  const reachable = token === undefined ? keys : keys.filter(tokenFilter(token, query))
  // SelectStatement.getSliceCommands: keys are checked once there is something to look for.
  if (slices?.length !== 0) for (const key of reachable) checkKeyLength(key)
  return {
    isOnePartition: reachable.length <= 1,
    isScan: false,
    open: (reader, resume) => new KeysSource(plan, query, reachable, slices, reader, resume),
  }
}

class KeysSource implements RowSource {
  cursor!: RowCursor
  components: readonly Uint8Array[] = []
  isPaused = false
  #index = 0
  #resume: Resume | undefined
  #budget = Number.MAX_SAFE_INTEGER
  readonly #plan: SelectPlan
  readonly #query: QueryContext
  readonly #keys: readonly PartitionKey[]
  readonly #slices: readonly ClusteringSlice[] | undefined
  readonly #reader: RowReader

  constructor(
    plan: SelectPlan,
    query: QueryContext,
    keys: readonly PartitionKey[],
    slices: readonly ClusteringSlice[] | undefined,
    reader: RowReader,
    resume: Resume | undefined,
  ) {
    this.#plan = plan
    this.#query = query
    this.#keys = keys
    this.#slices = slices
    this.#reader = reader
    if (resume === undefined) return
    const { partition, clustering } = resume
    if (partition === undefined && keys.length === 1 && clustering !== undefined) {
      this.#resume = resume
      return
    }
    this.#index = keys.findIndex((key) => key.prefix === partition?.prefix)
    if (this.#index === -1) this.#index = keys.length
    else if (clustering === undefined) this.#index++
    else this.#resume = resume
  }

  next(): boolean {
    const key = this.#keys[this.#index]
    this.isPaused = false
    if (key === undefined || this.isEmpty) return false
    // All partitions share one budget: the next cursor gets what this one has left.
    if (this.cursor !== undefined) this.#budget = this.cursor.budget
    this.isPaused = this.#budget <= 0
    if (this.isPaused) return false
    this.#index++
    const { table, reversed } = this.#plan
    this.cursor = this.#reader.readPartition(table, key, {
      slices: this.#slices,
      reversed,
      after: this.#resume?.clustering,
      nowSeconds: this.#query.nowSeconds,
    })
    this.cursor.budget = this.#budget
    this.#resume = undefined
    this.components = partitionComponents(table, key)
    return true
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0 || this.#slices?.length === 0
  }

  get isLast(): boolean {
    return this.#index >= this.#keys.length
  }

  setBudget(budget: number): void {
    this.#budget = budget
    if (this.cursor !== undefined) this.cursor.budget = budget
  }
}

class ScanSource implements RowSource {
  readonly cursor: RowCursor
  readonly isEmpty = false
  readonly isLast = false
  components: readonly Uint8Array[] = []
  readonly #plan: SelectPlan
  /** Behind a row, the cursor stands in its partition already. */
  #standsInPartition: boolean

  constructor(
    plan: SelectPlan,
    query: QueryContext,
    range: TokenRange,
    reader: RowReader,
    resume: Resume | undefined,
  ) {
    this.#plan = plan
    this.#standsInPartition = resume?.clustering !== undefined
    this.cursor = reader.scan(plan.table, {
      from: range.from,
      to: range.to,
      after: resume && placeOf(resume),
      nowSeconds: query.nowSeconds,
    })
  }

  get isPaused(): boolean {
    return this.cursor.isPaused
  }

  next(): boolean {
    if (this.#standsInPartition) this.#standsInPartition = false
    else if (!this.cursor.nextPartition()) return false
    this.components = partitionComponents(this.#plan.table, this.cursor.partition)
    return true
  }

  setBudget(budget: number): void {
    this.cursor.budget = budget
  }
}

function placeOf({ partition, clustering }: Resume): ScanOptions['after'] {
  if (partition === undefined) throw protocolFault(pagingStateInvalid)
  return { partition, clustering }
}

interface TokenRange {
  readonly from: TokenBound | undefined
  readonly to: TokenBound | undefined
}

/** The token of a bound. */
function boundOf(bound: TokenBounds['start'], query: QueryContext): TokenBound | undefined {
  if (bound === undefined) return undefined
  const value = bound.value.evaluate(query)
  if (value === null || value === UNSET) throw invalid('Invalid null token value')
  const buffer = asBuffer(value)
  const tokenHi = buffer.readInt32BE(0)
  const tokenLo = buffer.readInt32BE(4)
  return { tokenHi, tokenLo, inclusive: bound.inclusive }
}

/** Tokens between two bounds; the smallest token stands for "no bound" (getTokenBound). */
function tokenRange(bounds: TokenBounds | undefined, query: QueryContext): TokenRange {
  const open = (bound: TokenBound | undefined): TokenBound | undefined =>
    bound?.tokenHi === -0x80000000 && bound.tokenLo === 0 ? undefined : bound
  return {
    from: open(boundOf(bounds?.start, query)),
    to: open(boundOf(bounds?.end, query)),
  }
}

/** Filters named keys by token. Unlike in a scan, a range may wrap around (TokenFilter). */
function tokenFilter(bounds: TokenBounds, query: QueryContext): (key: PartitionKey) => boolean {
  const from = boundOf(bounds.start, query)
  const to = boundOf(bounds.end, query)
  const isAround = from !== undefined && to !== undefined && compareToken(from, to) > 0
  return (key) => {
    const isFrom = from === undefined || isBehind(compareToken(key, from), from)
    const isTo = to === undefined || isBehind(compareToken(to, key), to)
    return isAround ? isFrom || isTo : isFrom && isTo
  }
}

function isBehind(order: number, { inclusive }: TokenBound): boolean {
  return order > 0 || (order === 0 && inclusive)
}

type Token = Pick<PartitionKey, 'tokenHi' | 'tokenLo'>

function compareToken(a: Token, b: Token): number {
  if (a.tokenHi !== b.tokenHi) return a.tokenHi - b.tokenHi
  return (a.tokenLo >>> 0) - (b.tokenLo >>> 0)
}
