import { createHash, createHmac } from 'node:crypto'

// A token is base64url of 16 bytes that tell the user and of 32 secret bytes. The first part is a
// hash of the user id, so that what is kept of the user is read side by side with the session.
// Tokens of version 0.1 are the secret bytes alone.

const tagBytes = 16
export const tokenSecretBytes = 32
const tokenPattern = /^[A-Za-z0-9_-]{64}$/
const shortTokenPattern = /^[A-Za-z0-9_-]{43}$/

/** A token, taken apart. */
export interface SessionToken {
  readonly text: string
  /** Key of the session: the only thing about the token that is stored. */
  readonly id: Uint8Array
  /** Key of what is kept of the user; `undefined` in tokens of version 0.1. */
  readonly tag: Uint8Array | undefined
}

/** @returns `undefined` when `text` cannot be a token */
export function parseToken(text: unknown): SessionToken | undefined {
  if (typeof text !== 'string') return undefined
  if (tokenPattern.test(text)) {
    const tag = Buffer.from(text, 'base64url').subarray(0, tagBytes)
    return { text, id: idOf(text), tag }
  }
  return shortTokenPattern.test(text) ? { text, id: idOf(text), tag: undefined } : undefined
}

/**
 * The token that replaces another one. Only who has the old token can compute it, and all who do
 * with the same nonce get the same one: the nonce and the ids, which are stored, do not suffice.
 */
export function successorOf(token: string, tag: Uint8Array, nonce: Uint8Array): SessionToken {
  const secret = createHmac('sha256', token).update('tsylla session successor\0').update(nonce)
  return userToken(tag, secret.digest())
}

/** The opaque tag of a user, by which what is kept of the user is stored. */
export function tagOf(userId: string): Uint8Array {
  const hash = createHash('sha256').update('tsylla session user\0').update(userId, 'utf8')
  return hash.digest().subarray(0, tagBytes)
}

/**
 * The token of a user, by the tag of the user.
 *
 * @param secret {@link tokenSecretBytes} bytes
 */
export function userToken(tag: Uint8Array, secret: Uint8Array): SessionToken {
  const text = Buffer.concat([tag, secret]).toString('base64url')
  return { text, id: idOf(text), tag }
}

/** A token has 256 random bits, so a plain hash cannot be guessed back and needs no salt. */
function idOf(token: string): Uint8Array {
  return createHash('sha256').update(token, 'ascii').digest()
}
