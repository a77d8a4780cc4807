export { openEmbeddedEndpoint } from './contact-point.ts'
export {
  EmbeddedEngine,
  type EmbeddedOptions,
  type ForkOptions,
  openEmbedded,
} from './embedded-engine.ts'
export type { Listener, ListenOptions, ListenTlsOptions } from './listener.ts'
export {
  type ClusterMember,
  EngineCluster,
  type MemberAddress,
  type MemberIdentity,
} from './engine-cluster.ts'
export type { Durability, NodePlacement, RequestedPartition } from '../engine/index.ts'
export type { OpenEngine } from './open-engine.ts'
export type { BatchLimits } from '../engine/index.ts'
