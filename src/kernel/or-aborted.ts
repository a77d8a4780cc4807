import { AbortedError } from '../errors/index.ts'
import { abortRegistry } from '../util/index.ts'

/**
 * Waits for work, and no longer than until the signal aborts. The work goes on.
 *
 * @param mayLeave whether the work may be left when the signal aborts; asked then
 * @throws AbortedError when the signal aborts
 */
export function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  mayLeave: () => boolean = () => true,
): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const onAborted = (): void => {
      if (mayLeave()) reject(new AbortedError('not_applied', signal.reason))
    }
    const waiting = { onAborted }
    if (signal.aborted) onAborted()
    else abortRegistry.add(signal, waiting)
    void work.then(resolve, reject).finally(() => abortRegistry.remove(signal, waiting))
  })
}
