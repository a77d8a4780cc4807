import { nextCacheHandler } from 'tsylla/adapters/next'

const connect = { nodes: [process.env.CQL_NODE], keyspace: 'app', createKeyspace: true }
export default nextCacheHandler({ connect, createTables: true })
