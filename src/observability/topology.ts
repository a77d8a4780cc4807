import { channel } from 'node:diagnostics_channel'
import type { NodeInfo } from '../types/index.ts'

/**
 * A change of the nodes that a session knows.
 *
 * - `added`, `removed`: the node is a member of the cluster from now on, or no longer.
 * - `up`, `down`: the session has its first connection to the node, or has lost the last one.
 * - `moved`: the node has another address. Its connections are made anew, so `up` follows.
 */
export type TopologyEvent =
  | { readonly type: 'added' | 'removed' | 'up' | 'down'; readonly node: NodeInfo }
  | { readonly type: 'moved'; readonly node: NodeInfo; readonly previousAddress: string }

/** What subscribers of `tsylla:schema` receive: a change that a node has reported. */
export interface SchemaEvent {
  readonly change: 'CREATED' | 'UPDATED' | 'DROPPED' | (string & {})
  readonly target: 'KEYSPACE' | 'TABLE' | 'TYPE' | 'FUNCTION' | 'AGGREGATE' | (string & {})
  readonly keyspace: string
  /** Name of what has changed; `undefined` for a keyspace. */
  readonly name: string | undefined
}

const topologyChannel = channel('tsylla:topology')
const schemaChannel = channel('tsylla:schema')

/** Publishes a change to `tsylla:topology`. */
export function publishTopology(event: TopologyEvent): void {
  if (topologyChannel.hasSubscribers) topologyChannel.publish(event)
}

/** Publishes a change to `tsylla:schema`. */
export function publishSchema({ change, target, keyspace, name }: SchemaEvent): void {
  if (!schemaChannel.hasSubscribers) return
  const event: SchemaEvent = { change, target, keyspace, name }
  schemaChannel.publish(event)
}
