import { ConfigError } from '../errors/index.ts'
import { checkOptions, checkText, PlainDataWalker, toJsonText } from '../kernel/index.ts'
import { Uuid } from '../types/index.ts'

/** Bytes of a partition key (Cassandra's FBUtilities.MAX_UNSIGNED_SHORT), less 2 for its length. */
const streamIdBytesMax = 65_533
const typeBytesMax = 65_535

/** An event to append. `data` is anything that JSON can hold; dates become ISO text. */
export interface NewEvent<Data = unknown> {
  readonly type: string
  readonly data: Data
}

export interface StoredEvent<Data = unknown> extends NewEvent<Data> {
  /** Place in its stream, from 1 without gaps. */
  readonly version: number
  /** When it was appended, by the clock of the process that did. */
  readonly ts: Date
}

/** An append ready to be sent, any number of times with the same content. */
export interface Commit {
  readonly streamId: string
  /** A UUID. */
  readonly id: string
  /** Whether the caller chose the id, so that this may be the repetition of an earlier call. */
  readonly mayBeRepeated: boolean
  readonly events: readonly { readonly type: string; readonly json: string }[]
}

/** What an event store requires of its commits. */
export interface CommitRules {
  readonly appendCountMax: number
  /** Returns the id of a commit for which the caller passes none. */
  readonly newCommitId: () => string
}

/** @throws ConfigError when an argument is wrong, or JSON would change the data of an event */
export function toCommit(
  streamId: string,
  events: readonly NewEvent[],
  { appendCountMax, newCommitId }: CommitRules,
  options: {
    readonly expectedVersion?: number | undefined
    readonly commitId?: string | undefined
  },
): Commit {
  checkStreamId(streamId)
  if (!Array.isArray(events) || events.length === 0 || events.length > appendCountMax) {
    throw new ConfigError(`An append takes 1 … ${appendCountMax} events`)
  }
  const { expectedVersion, commitId } = options
  if (expectedVersion !== undefined) checkVersion('expectedVersion', expectedVersion)
  if (commitId !== undefined) {
    if (!Uuid.isUuidText(commitId)) throw new ConfigError('commitId must be the text of a UUID')
    if (expectedVersion === undefined) {
      throw new ConfigError('commitId needs expectedVersion: it is looked up at that place')
    }
  }
  return {
    streamId,
    id: commitId?.toLowerCase() ?? newCommitId(),
    mayBeRepeated: commitId !== undefined,
    events: events.map(toJsonEvent),
  }
}

function toJsonEvent(event: NewEvent, index: number): Commit['events'][number] {
  // Copying a stream passes events as they were read: their version and time are assigned again.
  const names = { type: true, data: true, version: true, ts: true } as const
  checkOptions<Partial<StoredEvent>>('An event', event, names)
  const { type, data } = event
  checkText('The type of an event', type, typeBytesMax)
  const walker = new PlainDataWalker(`events[${index}].data`, (path, reason) => {
    const message = `The data of event ${index + 1} would not come back from JSON: ${reason} (see the error's \`path\`)`
    return new ConfigError(message, 'not_applied', { path })
  })
  return { type, json: toJsonText(data, walker) }
}

export function checkStreamId(streamId: string): void {
  checkText('streamId', streamId, streamIdBytesMax)
}

export function checkVersion(name: string, version: number): number {
  if (Number.isSafeInteger(version) && version >= 0) return version
  throw new ConfigError(`${name} must be an integer from 0`)
}
