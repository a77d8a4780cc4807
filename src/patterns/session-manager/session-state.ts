/** What the row of one token says. It is written by conditional writes only. */
export interface SessionState {
  /**
   * `rotated`: another token has replaced this one. `revoked` is final, so that no write that was
   * under way can revive the session.
   */
  readonly status: 'live' | 'rotated' | 'revoked'
  readonly userId: string
  /** Id of the first token of the session: the same for all tokens that replace it. */
  readonly family: Uint8Array
  /** Epoch of the user when the session was created. */
  readonly epoch: bigint
  readonly createdMs: number
  /**
   * When the token was issued, or its successor once it has one: the last use as long as no later
   * one is noted. It grows with every rotation, by whatever clock.
   */
  readonly issuedMs: number
  /** Absolute end; the tokens that replace this one have the same. */
  readonly expiresMs: number
  /** When the token was replaced, and by what; 0 and `undefined` when it was not. */
  readonly rotatedMs: number
  readonly next: SuccessorFacts | undefined
  readonly ipAddress: string
  readonly userAgent: string
  readonly label: string
  /** Number of updates of the data. */
  readonly revision: number
  /** UUIDs of the last updates, the latest last: so an update is never applied twice. */
  readonly updates: readonly string[]
  /** Encoded values by their top-level key. */
  readonly data: ReadonlyMap<string, Uint8Array>
}

/** What is stored of the token that replaces another one: neither suffices to compute it. */
export interface SuccessorFacts {
  readonly id: Uint8Array
  readonly nonce: Uint8Array
}

/** What a new session begins with. */
export interface NewSessionFacts {
  readonly userId: string
  readonly family: Uint8Array
  readonly epoch: bigint
  readonly nowMs: number
  readonly expiresMs: number
  readonly ipAddress: string
  readonly userAgent: string
  readonly label: string
  readonly data: ReadonlyMap<string, Uint8Array>
}

const noData: ReadonlyMap<string, Uint8Array> = new Map()

export function newState({ nowMs, ...facts }: NewSessionFacts): SessionState {
  return {
    ...facts,
    ...{ status: 'live', createdMs: nowMs, issuedMs: nowMs, rotatedMs: 0, next: undefined },
    ...{ revision: 0, updates: [] },
  }
}

/** The first state of the token that replaces a rotated one. */
export function successorState(state: SessionState): SessionState {
  return { ...state, status: 'live', rotatedMs: 0, next: undefined }
}

/** The state after the end of a session; what described the user's device and data is dropped. */
export function revokedState(state: SessionState): SessionState {
  return {
    ...withoutData(state),
    ...{ status: 'revoked', ipAddress: '', userAgent: '', label: '' },
  }
}

export function withoutData(state: SessionState): SessionState {
  return { ...state, data: noData, updates: [] }
}

/** What users and lists know a session by. It is the same for all of its tokens. */
export function sessionIdOf({ family }: SessionState): string {
  return Buffer.from(family).toString('base64url')
}
