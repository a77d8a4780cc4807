import { randomUUID } from 'node:crypto'
import { ConfigError } from '../errors/index.ts'
import { checkOptions, Descent, toJsonText } from '../kernel/index.ts'

/** An event to append. `data` is anything JSON can hold; a Date in it becomes ISO text. */
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

/** An append ready to be sent, again and again with the same content. */
export interface Commit {
  readonly streamId: string
  readonly id: string
  readonly events: readonly { readonly type: string; readonly json: string }[]
}

/** @throws ConfigError when an argument is wrong, or JSON would not give an event's data back */
export function toCommit(
  streamId: string,
  events: readonly NewEvent[],
  appendCountMax: number,
): Commit {
  checkStreamId(streamId)
  if (!Array.isArray(events) || events.length === 0 || events.length > appendCountMax) {
    throw new ConfigError(`An append takes 1 … ${appendCountMax} events`)
  }
  return { streamId, id: randomUUID(), events: events.map(toJsonEvent) }
}

function toJsonEvent(event: NewEvent, index: number): Commit['events'][number] {
  // Whoever copies a stream passes what was read: place and time are given anew.
  const names = { type: true, data: true, version: true, ts: true } as const
  checkOptions<Partial<StoredEvent>>('An event', event, names)
  const { type, data } = event
  if (typeof type !== 'string' || type === '') {
    throw new ConfigError('The type of an event is a string that is not empty')
  }
  const descent = new Descent(`events[${index}].data`, (path, reason) => {
    const message = `The data of event ${index + 1} would not come back from JSON: ${reason}`
    return new ConfigError(message, 'not_applied', { cause: { path } })
  })
  return { type, json: toJsonText(data, descent) }
}

export function checkStreamId(streamId: string): void {
  if (typeof streamId !== 'string' || streamId === '' || Buffer.byteLength(streamId) > 65_533) {
    throw new ConfigError('streamId is a string of 1 … 65,533 bytes')
  }
}

export function checkVersion(name: string, version: number): number {
  if (Number.isSafeInteger(version) && version >= 0) return version
  throw new ConfigError(`${name} is a whole number from 0`)
}
