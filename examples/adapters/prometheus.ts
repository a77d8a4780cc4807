/** Metrics for Prometheus: npx tsx examples/adapters/prometheus.ts */
import { register } from 'prom-client'
import { Session } from 'tsylla'
import { TsyllaCollector } from 'tsylla/adapters/prometheus'

const session = await Session.connect(['embedded:'])
const collector = new TsyllaCollector({ registry: register })
collector.add(session)
await session.execute('SELECT release_version FROM system.local')

// What GET /metrics answers.
console.log(await register.metrics())
await session.close()
