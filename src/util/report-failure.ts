/**
 * Reports that a function of the application has failed where nothing may fail with it: Node prints
 * the warning, and `process.on('warning')` receives it.
 */
function reportFailure(what: string, error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(`${what} has failed`, { type: 'TsyllaWarning', detail: reason })
}

/**
 * A function of the application that only watches. What it throws, or its promise rejects with, is
 * reported as a warning of the process, the first time.
 */
export class GuardedListener<Event> {
  readonly #what: string
  readonly #listener: (event: Event) => unknown
  #hasFailed = false

  /** @param what names it in the warning */
  constructor(what: string, listener: (event: Event) => unknown) {
    this.#what = what
    this.#listener = listener
  }

  call(event: Event): void {
    try {
      onRejection(this.#listener(event), (error) => this.#report(error))
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    reportFailure(this.#what, error)
  }
}

/**
 * Ignores the rejection of a promise that an application returned where a plain value is expected:
 * the value is refused already, and an unhandled rejection would end the process.
 */
export function ignoreRejection(value: unknown): void {
  onRejection(value, () => {})
}

function onRejection(value: unknown, listener: (error: unknown) => void): void {
  const isThenable =
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
  if (isThenable) Promise.resolve(value as PromiseLike<unknown>).catch(listener)
}
