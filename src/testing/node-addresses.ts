import { isIPv4 } from 'node:net'
import { ConfigError } from '../errors/index.ts'
import { parseAddress } from '../transport/index.ts'
import { asBuffer } from '../util/index.ts'

/** An address as nodes announce it. */
export interface NodeSocketAddress {
  readonly host: string
  readonly port: number
}

interface Replacement {
  readonly before: Buffer
  readonly after: Buffer
}

/**
 * Replaces the addresses of nodes by those of their proxies, in what nodes say about each other:
 * the columns `native_address` and `native_port` of `system.peers_v2`, which are neighbours, and
 * the events STATUS_CHANGE and TOPOLOGY_CHANGE. Clients then know nothing but proxies.
 */
export class NodeAddresses {
  readonly #replacements: Replacement[] = []

  /** @throws ConfigError unless both are IPv4 */
  add(node: NodeSocketAddress, proxy: NodeSocketAddress): void {
    for (const { host } of [node, proxy]) {
      if (isIPv4(host)) continue
      throw new ConfigError(`Addresses of nodes behind proxies must be IPv4, not ${host}`)
    }
    for (const encode of [cellsOf, eventAddressOf]) {
      this.#replacements.push({ before: encode(node), after: encode(proxy) })
    }
  }

  /** Replaces addresses in a response; the length stays the same. */
  replaceIn(bytes: Uint8Array): void {
    const buffer = asBuffer(bytes)
    for (const { before, after } of this.#replacements) {
      let at = buffer.indexOf(before)
      for (; at !== -1; at = buffer.indexOf(before, at + after.length)) after.copy(buffer, at)
    }
  }
}

/** `[bytes]` of an inet and of an int, one after the other. */
function cellsOf({ host, port }: NodeSocketAddress): Buffer {
  return Buffer.from([0, 0, 0, 4, ...bytesOf(host), 0, 0, 0, 4, 0, 0, port >> 8, port & 0xff])
}

/** `[inet]` of an event: size, address, port. */
function eventAddressOf({ host, port }: NodeSocketAddress): Buffer {
  return Buffer.from([4, ...bytesOf(host), 0, 0, port >> 8, port & 0xff])
}

function bytesOf(host: string): number[] {
  return host.split('.').map(Number)
}

/** Reads `host:port`. @throws ConfigError */
export function socketAddressOf(address: string): NodeSocketAddress {
  return parseAddress(address, 9042)
}
