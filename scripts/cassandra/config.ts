/** Settings of one Cassandra process. */
export interface NodeConfig {
  readonly address: string
  readonly port: number
  readonly seeds: readonly string[]
  readonly initialToken: bigint
  readonly dataFolder: string
  readonly auth: boolean
  /** Folder with `server.pem` and `ca.pem`; without it the port speaks plain CQL. */
  readonly tlsFolder: string | undefined
}

/** `cassandra.yaml` of a test node: every CQL feature on, small caches, long timeouts. */
export function cassandraYaml(config: NodeConfig): string {
  const data = config.dataFolder
  return `cluster_name: tsylla
num_tokens: 1
initial_token: ${config.initialToken}
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "${config.seeds.join(',')}"}]
listen_address: ${config.address}
rpc_address: ${config.address}
storage_port: 7000
start_native_transport: true
native_transport_port: ${config.port}
data_file_directories: [${data}/data]
commitlog_directory: ${data}/commitlog
hints_directory: ${data}/hints
saved_caches_directory: ${data}/saved_caches
cdc_raw_directory: ${data}/cdc_raw
commitlog_sync: periodic
commitlog_sync_period: 10s
commitlog_total_space: 512MiB
auto_snapshot: false
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 8
memtable_flush_writers: 2
concurrent_compactors: 1
file_cache_size: 64MiB
networking_cache_size: 32MiB
key_cache_size: 16MiB
counter_cache_size: 8MiB
prepared_statements_cache_size: 32MiB
dynamic_snitch: false
user_defined_functions_enabled: true
materialized_views_enabled: true
sasi_indexes_enabled: true
drop_compact_storage_enabled: true
dynamic_data_masking_enabled: true
authenticator: ${config.auth ? 'PasswordAuthenticator' : 'AllowAllAuthenticator'}
authorizer: ${config.auth ? 'CassandraAuthorizer' : 'AllowAllAuthorizer'}
role_manager: CassandraRoleManager
network_authorizer: AllowAllNetworkAuthorizer
roles_validity: 100ms
permissions_validity: 100ms
credentials_validity: 100ms
read_request_timeout: 20s
range_request_timeout: 30s
write_request_timeout: 20s
counter_write_request_timeout: 20s
cas_contention_timeout: 10s
truncate_request_timeout: 60s
request_timeout: 30s
${config.tlsFolder === undefined ? '' : tlsYaml(config.tlsFolder)}`
}

function tlsYaml(folder: string): string {
  return `client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: ${folder}/server.pem
  truststore: ${folder}/ca.pem
`
}

export function logbackXml(logFile: string): string {
  return `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender"><file>${logFile}</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
`
}

const exports = [
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'java.base/java.lang.ref',
  'java.base/java.lang.reflect',
  'jdk.unsupported/sun.misc',
]
const opens = [
  'java.base/java.lang.module',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.util.jar',
  'jdk.management/com.sun.management.internal',
  'java.base/sun.nio.ch',
  'java.base/java.io',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/java.lang',
  'java.base/java.math',
  'java.base/java.lang.reflect',
  'java.base/java.net',
  'java.rmi/sun.rmi.transport.tcp',
]

/** Module flags of Cassandra 5 on Java 17 (its `conf/jvm17-server.options`). */
export const moduleFlags: readonly string[] = [
  ...exports.map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...opens.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
]
