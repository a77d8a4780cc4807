import { TsyllaError } from '../errors/index.ts'

/**
 * Runs a further step of a call that may have changed something before: what fails now is not
 * `not_applied` for the caller.
 *
 * @param isMaybeApplied whether an earlier step may have changed something
 */
export async function afterChange<T>(isMaybeApplied: boolean, step: Promise<T>): Promise<T> {
  try {
    return await step
  } catch (error) {
    if (!isMaybeApplied || !TsyllaError.is(error)) throw error
    const own = error.copy()
    own.outcome = 'unknown'
    throw own
  }
}
