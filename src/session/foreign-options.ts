/** Options of other drivers, and the options that replace them here. */
export const foreignOptions: { readonly [name: string]: string } = {
  credentials: 'user and password',
  username: 'user',
  secureConnectBundle: 'cloud, as in { bundle: path }',
  hosts: 'contactPoints',
  nodes: 'contactPoints',
  host: 'contactPoints',
  port: "contactPoints, as in ['node1:9042']",
  protocolOptions: "contactPoints with a port, as in ['node1:9042']",
  sslOptions: 'tls',
  ssl: 'tls',
  queryOptions: 'consistency, serialConsistency and pageSize',
  pooling: 'poolSize',
  socketOptions: 'connectionTimeoutMs, requestTimeoutMs, tcpNoDelay and tcpKeepAliveMs',
  policies: 'loadBalancingPolicy, retryPolicy, speculativeExecutionPolicy and reconnectionPolicy',
  profiles: 'executionProfiles',
}
