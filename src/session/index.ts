export {
  type ContactPoint,
  type ContactPointObject,
  contactPointSymbol,
  type CreateKeyspaceOptions,
  type PoolSizeOption,
  type SessionOptions,
} from './options.ts'
export { type CloseOptions, ConnectedSession } from './session.ts'
export { type BuildOptions, type EndpointSchemes, BaseSessionBuilder } from './session-builder.ts'
export type { SlowRequest, SlowRequestOptions } from './execution/slow-requests.ts'
export type { NodeMetrics, SessionMetrics } from './session-metrics.ts'
export { driverVersion } from './version.ts'
