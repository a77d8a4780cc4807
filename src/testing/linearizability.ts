import { ConfigError } from '../errors/index.ts'
import { checkInteger, checkOptions } from '../kernel/index.ts'
import type { HistoryOperation } from './history.ts'
import { nameOfValue } from './value-name.ts'

/** What an object does when operations come one after another. */
export interface HistoryModel<State, Input, Output> {
  /** The state before the first operation of a key. */
  readonly initial: (key: string) => State
  /**
   * The states after an operation, several when it may choose; none when it cannot have had this
   * output in this state. An `undefined` output is not known, so that all are meant. Pure: states
   * are not changed, and may be asked for again.
   */
  readonly step: (state: State, input: Input, output: Output | undefined) => readonly State[]
  /**
   * A text that is the same for equal states only. Default: one that tells apart data of every
   * kind, dates, bytes, maps and sets included. States with private fields need their own.
   */
  readonly nameOf?: ((state: State) => string) | undefined
}

export interface CheckOptions {
  /** Steps of the model that the search may take, for all keys together. Default 1,000,000. */
  readonly stepsMax?: number | undefined
}

export type LinearizabilityResult<Input, Output> =
  | { readonly ok: true }
  | {
      readonly ok: false
      /** The first key whose operations cannot be put in order. */
      readonly key: string
      /** The most operations that could be put in order, in that order. */
      readonly longest: readonly HistoryOperation<Input, Output>[]
      /** After these, one of the following had to come next, and none could. */
      readonly stuck: readonly HistoryOperation<Input, Output>[]
      readonly explanation: string
    }

/** A check was ended because it took too many steps: whether the history is right is not known. */
export class HistoryTooComplexError extends Error {
  override readonly name = 'HistoryTooComplexError'
}

const stepsMaxDefault = 1_000_000
const shownCountMax = 5
/** Among how many operations a twin is looked for. */
const twinSearchCountMax = 512

/**
 * Whether the operations of each key can be put in an order in which every one has the answer that
 * the model gives, and none comes before one that was answered before it was called. Operations
 * without an answer may have taken effect at any time after their call, or never. The method is
 * that of Wing and Gong with the memory of Lowe.
 *
 * @throws HistoryTooComplexError after `stepsMax` steps
 * @throws ConfigError for a wrong option, and for a state that needs `nameOf`
 */
export function checkLinearizable<State, Input, Output>(
  history: Iterable<HistoryOperation<Input, Output>>,
  model: HistoryModel<State, Input, Output>,
  options: CheckOptions = {},
): LinearizabilityResult<Input, Output> {
  checkOptions('checkLinearizable', options, { stepsMax: true })
  const { stepsMax = stepsMaxDefault } = options
  checkInteger('stepsMax', stepsMax, 1, Number.MAX_SAFE_INTEGER)
  const budget = { steps: 0, stepsMax }
  const byKey = new Map<string, HistoryOperation<Input, Output>[]>()
  for (const operation of history) {
    const { key = '' } = operation
    const others = byKey.get(key)
    if (others === undefined) byKey.set(key, [operation])
    else others.push(operation)
  }
  for (const [key, operations] of byKey) {
    const search = new Search(key, operations, model, budget)
    if (!search.run()) return search.failure()
  }
  return { ok: true }
}

interface Budget {
  steps: number
  readonly stepsMax: number
}

/** The call or the return of an operation, in a list of those that have no place yet. */
class Entry {
  /** Of the operation. */
  readonly index: number
  readonly isCall: boolean
  previous: Entry | undefined
  next: Entry | undefined
  /** For a call: the return that belongs to it; `undefined` for an open operation. */
  match: Entry | undefined

  constructor(index: number, isCall: boolean) {
    this.index = index
    this.isCall = isCall
  }

  remove(): void {
    if (this.previous !== undefined) this.previous.next = this.next
    if (this.next !== undefined) this.next.previous = this.previous
  }

  restore(): void {
    if (this.previous !== undefined) this.previous.next = this
    if (this.next !== undefined) this.next.previous = this
  }
}

/** An operation that has its place, and what to try instead. */
interface Choice<State> {
  readonly entry: Entry
  /** Before the operation. */
  readonly state: State
  /** Other states that it may lead to. */
  readonly others: readonly State[]
}

/** The search for an order of the operations of one key. */
class Search<State, Input, Output> {
  readonly #key: string
  readonly #operations: readonly HistoryOperation<Input, Output>[]
  readonly #model: HistoryModel<State, Input, Output>
  readonly #nameOf: (state: State) => string
  readonly #budget: Budget
  readonly #head = new Entry(-1, false)
  /** Operations that have a place. */
  readonly #placed: boolean[]
  /** Of operations with a twin: one that may go first. */
  readonly #twins: readonly (number | undefined)[]
  /** How many operations with an answer are before each one. */
  readonly #closedBefore: readonly number[]
  #placedClosedCount = 0
  readonly #placedOpen = new Set<number>()
  /** Which operations had a place, and the state then, of everything that was tried. */
  readonly #seen = new Set<string>()
  readonly #choices: Choice<State>[] = []
  #longest: readonly number[] = []
  #stuck: readonly number[] = []

  constructor(
    key: string,
    operations: readonly HistoryOperation<Input, Output>[],
    model: HistoryModel<State, Input, Output>,
    budget: Budget,
  ) {
    this.#key = key
    this.#operations = [...operations].sort((a, b) => a.call - b.call)
    this.#model = model
    this.#nameOf = model.nameOf ?? nameOfState
    this.#budget = budget
    this.#placed = this.#operations.map(() => false)
    this.#twins = twinsOf(this.#operations)
    let closedCount = 0
    this.#closedBefore = this.#operations.map((one) => (isOpen(one) ? closedCount : closedCount++))
    linkEntries(this.#head, this.#operations)
  }

  /** Whether there is an order. */
  run(): boolean {
    let state = this.#model.initial(this.#key)
    let missing = this.#operations.filter((one) => !isOpen(one)).length
    let entry = this.#head.next
    while (missing > 0) {
      if (entry?.isCall === true) {
        const next = this.#place(entry, state, this.#statesAfter(entry, state))
        if (next === undefined) {
          entry = entry.next
          continue
        }
        state = next.state
        if (entry.match !== undefined) missing--
        entry = this.#head.next
        continue
      }
      // The operation that returns here has no place, and must have one before the next call.
      this.#noteStuck()
      const choice = this.#choices.pop()
      if (choice === undefined) return false
      this.#takeBack(choice.entry)
      const other = this.#place(choice.entry, choice.state, choice.others)
      if (other === undefined) {
        if (choice.entry.match !== undefined) missing++
        state = choice.state
        entry = choice.entry.next
      } else {
        state = other.state
        entry = this.#head.next
      }
    }
    return true
  }

  failure(): Extract<LinearizabilityResult<Input, Output>, { readonly ok: false }> {
    const longest = this.#longest.map((index) => this.#operations[index]!)
    const stuck = this.#stuck.map((index) => this.#operations[index]!)
    const shown = stuck.slice(0, shownCountMax).map(textOf).join('; ')
    const more = stuck.length > shownCountMax ? ` and ${stuck.length - shownCountMax} others` : ''
    const explanation = `The operations on ${JSON.stringify(this.#key)} have no order: after ${longest.length} of ${this.#operations.length}, none of these can come next: ${shown}${more}`
    return { ok: false, key: this.#key, longest, stuck, explanation }
  }

  #statesAfter(entry: Entry, state: State): readonly State[] {
    const operation = this.#operations[entry.index]!
    const twin = this.#twins[entry.index]
    // In every order these two could change places.
    if (twin !== undefined && !this.#placed[twin]) return []
    if (++this.#budget.steps > this.#budget.stepsMax) throw tooComplex(this.#budget, this.#key)
    const states = this.#model.step(state, operation.input, operation.output)
    if (!isOpen(operation)) return states
    // An open operation that changes nothing might as well never have taken effect.
    const name = this.#nameOf(state)
    return states.filter((after) => this.#nameOf(after) !== name)
  }

  /**
   * Gives an operation the next place, with the first of the states that was not tried.
   *
   * @returns `undefined` when all were
   */
  #place(
    entry: Entry,
    before: State,
    states: readonly State[],
  ): { readonly state: State } | undefined {
    if (states.length === 0) return undefined
    this.#placed[entry.index] = true
    if (entry.match === undefined) this.#placedOpen.add(entry.index)
    else this.#placedClosedCount++
    entry.remove()
    entry.match?.remove()
    const prefix = this.#placedText()
    for (const [i, state] of states.entries()) {
      const name = `${prefix}|${this.#nameOf(state)}`
      if (this.#seen.has(name)) continue
      this.#seen.add(name)
      this.#choices.push({ entry, state: before, others: states.slice(i + 1) })
      return { state }
    }
    this.#takeBack(entry)
    return undefined
  }

  #takeBack(entry: Entry): void {
    entry.match?.restore()
    entry.restore()
    this.#placed[entry.index] = false
    if (entry.match === undefined) this.#placedOpen.delete(entry.index)
    else this.#placedClosedCount--
  }

  /** Which operations have a place: all before the first without one, and the others by number. */
  #placedText(): string {
    let entry = this.#head.next
    while (entry !== undefined && (!entry.isCall || entry.match === undefined)) entry = entry.next
    const first = entry?.index ?? this.#operations.length
    const others: number[] = []
    let left = this.#placedClosedCount - (this.#closedBefore[first] ?? this.#placedClosedCount)
    for (let index = first; left > 0; index++) {
      if (this.#placed[index] !== true || this.#placedOpen.has(index)) continue
      others.push(index)
      left--
    }
    const open = [...this.#placedOpen].sort((a, b) => a - b)
    return `${first}:${others.join(',')}:${open.join(',')}`
  }

  #noteStuck(): void {
    if (this.#choices.length < this.#longest.length) return
    if (this.#stuck.length > 0 && this.#choices.length === this.#longest.length) return
    this.#longest = this.#choices.map(({ entry }) => entry.index)
    const stuck: number[] = []
    for (let entry = this.#head.next; entry?.isCall === true; entry = entry.next) {
      stuck.push(entry.index)
    }
    this.#stuck = stuck
  }
}

function isOpen({ output }: HistoryOperation<unknown, unknown>): boolean {
  return output === undefined
}

/**
 * For each operation one that asks for the same, has the same answer, and was neither called nor
 * answered later. Where both have their place in the order of the other, they can change places, so
 * that only orders in which the twin goes first need to be tried.
 *
 * @param operations in the order of their calls
 */
function twinsOf(
  operations: readonly HistoryOperation<unknown, unknown>[],
): (number | undefined)[] {
  const alike = new Map<string, number[]>()
  return operations.map((operation, index) => {
    const name = nameOfValue([operation.input, operation.output ?? null, isOpen(operation)])
    if (name === undefined) return undefined
    const before = alike.get(name) ?? []
    alike.set(name, before)
    const end = endOf(operation)
    const from = Math.max(0, before.length - twinSearchCountMax)
    let twin: number | undefined
    for (const other of before.slice(from)) {
      const otherEnd = endOf(operations[other]!)
      if (otherEnd <= end && (twin === undefined || otherEnd >= endOf(operations[twin]!))) {
        twin = other
      }
    }
    before.push(index)
    return twin
  })
}

function endOf(operation: HistoryOperation<unknown, unknown>): number {
  return isOpen(operation)
    ? Number.POSITIVE_INFINITY
    : (operation.return ?? Number.POSITIVE_INFINITY)
}

/** Links calls and returns in the order of time; what happens at one time overlaps. */
function linkEntries(head: Entry, operations: readonly HistoryOperation<unknown, unknown>[]): void {
  const events: { readonly at: number; readonly entry: Entry }[] = []
  for (const [index, operation] of operations.entries()) {
    const call = new Entry(index, true)
    events.push({ at: operation.call, entry: call })
    if (isOpen(operation)) continue
    call.match = new Entry(index, false)
    events.push({ at: endOf(operation), entry: call.match })
  }
  events.sort((a, b) => a.at - b.at || Number(b.entry.isCall) - Number(a.entry.isCall))
  let last = head
  for (const { entry } of events) {
    last.next = entry
    entry.previous = last
    last = entry
  }
}

function tooComplex({ stepsMax }: Budget, key: string): HistoryTooComplexError {
  return new HistoryTooComplexError(
    `The operations on ${JSON.stringify(key)} were not put in order within ${stepsMax} steps: check fewer operations per key, or fewer at a time, or raise stepsMax`,
  )
}

function textOf({ process, input, output }: HistoryOperation<unknown, unknown>): string {
  const who = process === undefined ? '' : `${process}: `
  return `${who}${displayed(input)} → ${output === undefined ? 'not known' : displayed(output)}`
}

function displayed(value: unknown): string {
  return nameOfValue(value) ?? String(value)
}

function nameOfState(state: unknown): string {
  const name = nameOfValue(state)
  if (name !== undefined) return name
  throw new ConfigError(
    'The states of the model are no plain data: give the model a nameOf, which returns the same text for equal states only',
  )
}
