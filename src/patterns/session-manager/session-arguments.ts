import { ConfigError } from '../../errors/index.ts'
import { checkText } from '../../kernel/index.ts'
import { wellFormed } from '../../util/index.ts'
import type { SessionData } from './session-data.ts'
import type { SessionReason } from './session-events.ts'
import type { SessionInfo } from './session-list.ts'

/** What is kept of a new session besides its user. */
export interface NewSessionOptions<Data extends object = SessionData> {
  /** The `User-Agent` of the request; what is longer than 512 characters is cut. */
  readonly userAgent?: string | undefined
  /** A name for people, for example of the device; what is longer than 512 characters is cut. */
  readonly label?: string | undefined
  /** First data of the session. Default: none. */
  readonly data?: Data | undefined
}

export interface InspectOptions {
  /** Whether it is a use of the session, as `validateSession` is. Default `false`. */
  readonly use?: boolean | undefined
}

export interface UpdateOptions {
  /** The update fails unless the session is at this revision. */
  readonly ifRevision?: number | undefined
}

export interface RevokeAllOptions {
  /** Token of a session of the user that stays valid. */
  readonly except?: string | undefined
}

/** Data of a session and how many updates made them so. */
export interface SessionSnapshot<Data extends object = SessionData> {
  readonly data: Data
  readonly revision: number
}

/** Why a token is valid or not. */
export type SessionInspection<Data extends object = SessionData> =
  | (SessionInfo &
      SessionSnapshot<Data> & {
        readonly ok: true
        readonly userId: string
        /** Whether the token was replaced a moment ago: the client should get its successor. */
        readonly isReplaced: boolean
      })
  | { readonly ok: false; readonly reason: SessionReason }

const userIdBytesMax = 8_192
const factLengthMax = 512

/** @throws ConfigError unless `userId` is that of a user */
export function checkUserId(userId: string): void {
  checkText('userId', userId, userIdBytesMax)
}

/** What clients say of themselves may be anything: it is cut and repaired instead of refused. */
export function factOf(name: string, text: string): string {
  if (typeof text !== 'string') throw new ConfigError(`${name} must be a string`)
  return wellFormed(text.slice(0, factLengthMax))
}
