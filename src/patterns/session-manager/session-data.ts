import { ConfigError, DecodeError, SessionDataError } from '../../errors/index.ts'
import { PlainDataWalker } from '../../kernel/index.ts'
import { isWellFormed } from '../../util/index.ts'
import { decodeCacheValue, encodeCacheValue } from '../cache/cache-value.ts'

/** What a schema returns: the checked value, or what is wrong. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** A schema of any library that implements Standard Schema, version 1. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
  }
}

/** Data of a session whose type is not declared. */
export type SessionData = Record<string, unknown>

/**
 * What `update` changes: the top-level keys of an object, of which those that are `undefined` are
 * removed, or what a function makes of the present data. The function may change its argument, and
 * may be called several times.
 */
export type SessionChange<Data extends object> =
  | { readonly [Key in keyof Data]?: Data[Key] | undefined }
  | ((data: Data) => Data | void)

type EncodedData = ReadonlyMap<string, Uint8Array>

const dataBytesMax = 256 * 1_024

/** Encodes and checks the data of sessions, one value per top-level key. */
export class SessionDataCodec<Data extends object> {
  readonly #schema: StandardSchema<Data> | undefined

  constructor(schema: StandardSchema<Data> | undefined) {
    if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
      throw new ConfigError(
        "schema must be a Standard Schema: an object whose '~standard' has a function validate",
      )
    }
    this.#schema = schema
  }

  /** @throws SessionDataError */
  encode(data: unknown): EncodedData {
    return checkSize(encodeEntries(this.#validate(data)))
  }

  decode(encoded: EncodedData): Data {
    // `fromEntries` defines properties, so a key `__proto__` stays a key.
    return Object.fromEntries(
      Array.from(encoded, ([key, bytes]) => {
        const decoded = decodeCacheValue(bytes)
        if (decoded === undefined) {
          throw new DecodeError('The data of a session was written by a later version')
        }
        return [key, decoded.value]
      }),
    ) as Data
  }

  /**
   * Returns the function that applies a change to encoded data. It returns its argument when that
   * changes nothing. An object is read once, now.
   */
  applierOf(change: SessionChange<Data>): (data: EncodedData) => EncodedData {
    if (typeof change === 'function') {
      return (before) =>
        changedFrom(before, this.encode(applyFunction(change, this.decode(before))))
    }
    const changes = encodeEntries(change)
    const removed = Object.keys(change).filter((key) => !changes.has(key))
    return (before) => {
      const after = new Map(before)
      for (const [key, bytes] of changes) after.set(key, bytes)
      for (const key of removed) after.delete(key)
      const isChecked = this.#schema === undefined
      return changedFrom(before, isChecked ? checkSize(after) : this.encode(this.decode(after)))
    }
  }

  #validate(data: unknown): unknown {
    if (this.#schema === undefined) return data
    const result = this.#schema['~standard'].validate(data)
    if (isThenable(result)) {
      ignore(result)
      throw new ConfigError(
        'The schema of sessions must validate synchronously: an update is checked within its write',
      )
    }
    if (result.issues === undefined) return result.value
    throw new SessionDataError('data', 'the schema refuses it (see `issues`)', result.issues)
  }
}

function applyFunction<Data extends object>(
  change: (data: Data) => Data | void,
  data: Data,
): unknown {
  const changed: unknown = change(data)
  if (isThenable(changed)) {
    ignore(changed)
    throw new ConfigError(
      'The function of update must be synchronous: read the session first, and pass ifRevision',
    )
  }
  return changed === undefined ? data : changed
}

/** What it fails with is of no interest: that it is asynchronous is reported. */
function ignore(result: PromiseLike<unknown>): void {
  result.then(undefined, () => {})
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}

/** Keys whose value is `undefined` are left out. */
function encodeEntries(data: unknown): EncodedData {
  const toError = (path: string, reason: string): Error => new SessionDataError(path, reason)
  const walker = new PlainDataWalker('data', toError)
  if (typeof data !== 'object' || data === null || walker.kindOf(data).kind !== 'record') {
    return walker.refuse('it must be an object')
  }
  const encoded = new Map<string, Uint8Array>()
  for (const [key, value] of walker.entries(data)) {
    if (value === undefined) continue
    if (!isWellFormed(key)) walker.refuse('a key has half of a surrogate pair')
    const toErrorAt = (path: string, reason: string): Error =>
      toError(`data.${key}${path.slice('value'.length)}`, reason)
    encoded.set(key, encodeCacheValue(value, dataBytesMax, toErrorAt))
  }
  return encoded
}

function checkSize(data: EncodedData): EncodedData {
  let bytes = 0
  for (const [key, value] of data) bytes += Buffer.byteLength(key) + value.length
  if (bytes <= dataBytesMax) return data
  throw new SessionDataError('data', `it takes ${bytes} bytes, at most ${dataBytesMax}`)
}

/** Returns `before` when both are equal. */
function changedFrom(before: EncodedData, after: EncodedData): EncodedData {
  if (before.size !== after.size) return after
  for (const [key, bytes] of after) {
    const known = before.get(key)
    if (known === undefined || Buffer.compare(known, bytes) !== 0) return after
  }
  return before
}
