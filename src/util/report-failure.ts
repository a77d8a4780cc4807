/**
 * Reports that a function of the application has failed where nothing may fail with it: Node prints
 * the warning, and `process.on('warning')` receives it.
 */
export function reportFailure(what: string, error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(`${what} has failed`, { type: 'TsyllaWarning', detail: reason })
}
