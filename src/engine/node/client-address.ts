import type { Inet } from '../../types/index.ts'

/** The other end of a connection. */
export interface ClientAddress {
  readonly address: Inet
  readonly port: number
  readonly isEncrypted?: boolean
  /** Shard of the node that serves the connection, where the node has shards. */
  readonly shard?: number | undefined
  /** Bounds the passwords that are tried from that address. */
  readonly loginGuard?: LoginGuard | undefined
}

/** Bounds the passwords that clients may try. */
export interface LoginGuard {
  /** @throws AuthenticationError or a ServerError when no further password is accepted now */
  check(): void
  /** Reports that a password was wrong. */
  failed(): void
}
