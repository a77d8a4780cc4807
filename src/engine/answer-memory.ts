import { assert } from '../util/index.ts'

/** Limits of the memory that answers take. */
export interface AnswerLimits {
  /**
   * Bytes of answers one client may have complete and unread. Beyond them its further requests
   * wait. Reads of it that go on at the same time hold as many bytes again, next to the one that
   * came first, whose answer may be of any size.
   */
  readonly clientBytesMax: number
  /** Bytes of the answers to all clients beyond which long reads go on one at a time. */
  readonly engineBytesMax: number
  /** Reads of one client that go on in turn. Further ones wait and hold only their values. */
  readonly clientReadCountMax: number
  /** Reads of all clients that go on in turn, each with a snapshot of the store. */
  readonly engineReadCountMax: number
}

export const answerLimitsDefault: AnswerLimits = {
  clientBytesMax: 4 * 1024 * 1024,
  engineBytesMax: 128 * 1024 * 1024,
  clientReadCountMax: 16,
  engineReadCountMax: 64,
}

/**
 * Counts the bytes of the complete answers to one client: those that wait for a commit, and those
 * that the client has not read. Counts the values of its incomplete reads as well.
 */
export class AnswerMemory {
  readonly #unsentBytes: () => number
  readonly #bytesMax: number
  readonly #onRelease: () => void
  #heldBytes = 0
  #valueBytes = 0

  /**
   * @param unsentBytes returns the bytes that were sent and that the client has not taken
   * @param onRelease is called when there may be room again
   */
  constructor(unsentBytes: () => number, bytesMax: number, onRelease: () => void) {
    this.#unsentBytes = unsentBytes
    this.#bytesMax = bytesMax
    this.#onRelease = onRelease
  }

  /** Bytes of complete answers, and of the values of reads that are not complete. */
  get bytes(): number {
    return this.#valueBytes + this.answerBytes
  }

  /** Bytes of complete answers. */
  get answerBytes(): number {
    return this.#heldBytes + this.#unsentBytes()
  }

  /** Whether further requests of the client wait. */
  get isFull(): boolean {
    return this.bytes >= this.#bytesMax
  }

  /** Whether reads of the client wait. Values do not count: only reads that go on release them. */
  get hasFullAnswers(): boolean {
    return this.answerBytes >= this.#bytesMax
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes
    assert(this.#heldBytes >= 0, 'more bytes of answers were released than were held')
    this.#onRelease()
  }

  /** Counts the values of a read until it ends. */
  holdValues(bytes: number): void {
    this.#valueBytes += bytes
  }

  releaseValues(bytes: number): void {
    this.#valueBytes -= bytes
    assert(this.#valueBytes >= 0, 'more bytes of values were released than were held')
    this.#onRelease()
  }

  /** The client has taken bytes: its reads may go on. */
  notifyTaken(): void {
    this.#onRelease()
  }
}
