export { computeToken, token, tokenOf } from './murmur3.ts'
export type { Replication, RingNode } from './replication.ts'
export { TokenRing } from './token-ring.ts'
export { Topology } from './topology.ts'
