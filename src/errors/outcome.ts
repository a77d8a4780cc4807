/**
 * Whether the server can have acted on a failed request.
 *
 * - `not_applied`: it has not and will not; the request may be repeated blindly.
 * - `unknown`: it may have, or still may; repeat only what is idempotent.
 */
export type Outcome = 'not_applied' | 'unknown'
