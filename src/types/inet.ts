import { ValueError } from '../errors/index.ts'
import { isBytes, shareAcrossBuilds } from '../util/index.ts'
import { printByText } from './print-by-text.ts'

/** An IPv4 or IPv6 address. Immutable. */
export class Inet {
  /** Dotted decimal, or the canonical form of RFC 5952: the whole value, so it survives a clone. */
  readonly address: string

  private constructor(bytes: Uint8Array) {
    this.address = bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes)
  }

  /** @param bytes 4 or 16 bytes in network order */
  static fromBytes(bytes: Uint8Array): Inet {
    if (!isBytes(bytes) || (bytes.length !== 4 && bytes.length !== 16)) {
      throw new ValueError('An inet address is a Uint8Array of 4 or 16 bytes')
    }
    return new Inet(bytes)
  }

  /** @throws ValueError unless `text` is an IPv4 or IPv6 address without zone or prefix length */
  static parse(text: string): Inet {
    const bytes = typeof text === 'string' ? parseAddress(text) : undefined
    if (bytes === undefined) throw new ValueError('Not an IPv4 or IPv6 address')
    return new Inet(new Uint8Array(bytes))
  }

  /** 4 or 6. */
  get family(): 4 | 6 {
    return this.address.includes(':') ? 6 : 4
  }

  toBytes(): Uint8Array {
    return new Uint8Array(parseAddress(this.address)!)
  }

  equals(other: Inet): boolean {
    return this.address === other.address
  }

  toString(): string {
    return this.address
  }

  toJSON(): string {
    return this.toString()
  }

  static {
    shareAcrossBuilds(this, 'Inet')
    printByText(this, 'Inet')
  }
}

function parseAddress(text: string): number[] | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined
    bytes.push(Number(part))
  }
  return bytes
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : []
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return [...head, ...new Uint8Array(missing), ...tail]
}

/** Groups of one side of `::`; the last of the address may be in dotted decimal. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (isEnd && index === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group)
      if (ipv4 === undefined) return undefined
      bytes.push(...ipv4)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes
}

function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`
  const run = longestZeroRun(groups)
  const hex = (list: number[]): string => list.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return hex(groups)
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= groups.length; i++) {
    if (i < groups.length && groups[i] === 0) continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}
