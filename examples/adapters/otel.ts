/** Spans and metrics of OpenTelemetry: npx tsx examples/adapters/otel.ts */
import * as api from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { Session } from 'tsylla'
import { instrumentTsylla } from 'tsylla/adapters/otel'

// Usually the set-up of the application, with an exporter that sends.
const exporter = new InMemorySpanExporter()
const spanProcessors = [new SimpleSpanProcessor(exporter)]
api.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors }))

const instrumentation = instrumentTsylla(api)
const session = await Session.connect(['embedded:'])
instrumentation.observe(session)
await session.execute('SELECT release_version FROM system.local WHERE key = ?', ['local'])
for (const { name, attributes } of exporter.getFinishedSpans()) console.log(name, attributes)
await session.close()
