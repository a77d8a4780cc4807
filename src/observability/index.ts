export {
  connectChannel,
  type ConnectTrace,
  isObserved,
  prepareChannel,
  type PrepareTrace,
  requestChannel,
  type RequestTrace,
  traced,
  warn,
  type WarningTrace,
} from './channels.ts'
export { LatencyHistogram, type LatencyMetrics, NodeRecorder } from './latency-histogram.ts'
export {
  publishSchema,
  publishTopology,
  type SchemaEvent,
  type TopologyEvent,
} from './topology.ts'
