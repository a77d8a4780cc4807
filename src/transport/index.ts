export {
  type AddressTranslator,
  checkAddressTranslator,
  type UntranslatedPeer,
} from './address-translator.ts'
export { addressText, parseAddress } from './addresses.ts'
export type { AuthenticationContext, Authenticator, AuthProvider } from './authentication.ts'
export { ByteBudget } from './byte-budget.ts'
export {
  Connection,
  connectionInFlightBytesMax,
  type ConnectionListener,
  type ConnectionRequest,
  ConnectionState,
  reservedStreamCount,
} from './connection.ts'
export {
  type ConnectionPurpose,
  Connector,
  type ConnectorOptions,
  enterKeyspace,
} from './connector.ts'
export { type HostLookup, systemLookup } from './host-lookup.ts'
export {
  type InternalRequestOptions,
  queryAll,
  sendPrepare,
  sendUse,
  type UseFrame,
} from './internal-request.ts'
export type {
  Endpoint,
  EndpointFactory,
  Link,
  LinkHandler,
  OpenLinkOptions,
  PeerNode,
} from './link.ts'
export { openMemoryLink } from './memory-link.ts'
export { NodePool, type NodePoolOptions } from './node-pool.ts'
export { plainAuthenticators, PlainTextAuthProvider } from './plain-text-auth.ts'
export { defaultLocalPorts, type LocalPorts, ShardPort, type ShardSource } from './shard-port.ts'
export { connectionsPerNodeMax, type PoolSize } from './shard-slots.ts'
export { isTlsError, TcpEndpoint, type TcpOptions, type TlsOptions } from './tcp-endpoint.ts'
export { type TickListener, DeadlineTimer } from './deadline-timer.ts'
