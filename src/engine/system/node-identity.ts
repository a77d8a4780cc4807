import { Inet } from '../../types/index.ts'
import { type KvStore, ValueRef, WriteBatch } from '../storage/index.ts'

/** Key of the identity in the store. It sorts before the keys of all tables. */
const identityKey = '\u0001node'

/** The properties of the node in `system.local`. */
export interface NodeIdentity {
  readonly hostId: string
  readonly clusterName: string
  readonly dataCenter: string
  readonly rack: string
  /** The tokens that the ranges of the node end with. */
  readonly tokens: readonly string[]
  /** Version of Cassandra that it emulates. Drivers choose their schema queries by it. */
  readonly releaseVersion: string
  readonly cqlVersion: string
  readonly nativeProtocolVersion: string
}

/** Another node of the cluster, as `system.peers` shows it. */
export interface NodePeer {
  readonly identity: NodeIdentity
  readonly address: AdvertisedAddress
}

/** Where clients reach the node; changed when it starts to listen. */
export interface AdvertisedAddress {
  readonly address: Inet
  readonly port: number
}

export const loopbackAddress: AdvertisedAddress = { address: Inet.parse('127.0.0.1'), port: 9042 }

/**
 * The identity of the node a store belongs to: its host id stays the same for as long as the store.
 */
export function nodeIdentityOf(kv: KvStore, randomUuid: () => string): NodeIdentity {
  return {
    hostId: hostIdOf(kv, randomUuid),
    clusterName: 'tsylla',
    dataCenter: 'datacenter1',
    rack: 'rack1',
    tokens: ['0'],
    releaseVersion: '5.0.9',
    cqlVersion: '3.4.7',
    nativeProtocolVersion: '4',
  }
}

function hostIdOf(kv: KvStore, randomUuid: () => string): string {
  const value = new ValueRef()
  if (kv.get(identityKey, value)) {
    return Buffer.from(value.bytes.subarray(value.start, value.end)).toString('latin1')
  }
  const hostId = randomUuid()
  const batch = new WriteBatch()
  batch.put(identityKey, Buffer.from(hostId, 'latin1'))
  kv.write(batch)
  return hostId
}
