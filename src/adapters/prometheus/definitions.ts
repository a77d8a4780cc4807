import type { LatencyMetrics, NodeMetrics, SessionMetrics } from '../../index.ts'

type Labels = { readonly [name: string]: string | number }

/** A value of a metric, as `prom-client` takes it. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Ending of the name, for the parts of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
}

export interface MetricDefinition {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** @param session label */
  collect(metrics: SessionMetrics, session: string): readonly Sample[]
}

type Kind = Pick<MetricDefinition, 'type' | 'name' | 'help'>

const counter = (name: string, help: string): Kind => ({ type: 'counter', name, help })
const gauge = (name: string, help: string): Kind => ({ type: 'gauge', name, help })
const histogram = (name: string, help: string): Kind => ({ type: 'histogram', name, help })

/** A metric with one value per session. */
function ofSession(kind: Kind, read: (metrics: SessionMetrics) => number): MetricDefinition {
  return {
    ...kind,
    collect: (metrics, session) => [{ labels: { session }, value: read(metrics) }],
  }
}

/** A metric with one value per node. */
function ofNodes(kind: Kind, read: (node: NodeMetrics) => number): MetricDefinition {
  return {
    ...kind,
    collect: ({ nodes }, session) =>
      nodes.map((node) => ({ labels: labelsOf(node, session), value: read(node) })),
  }
}

function labelsOf({ address, hostId, dataCenter }: NodeMetrics, session: string): Labels {
  return { session, node: address, host_id: hostId, data_center: dataCenter }
}

function histogramOf(
  latency: LatencyMetrics,
  labels: Labels,
  buckets: readonly number[],
): readonly Sample[] {
  const counted = buckets.map((bound): Sample => {
    const value = latency.countUpToMs(bound * 1_000)
    return { suffix: '_bucket', labels: { ...labels, le: bound }, value }
  })
  return [
    ...counted,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: latency.count },
    { suffix: '_sum', labels, value: latency.sumMs / 1_000 },
    { suffix: '_count', labels, value: latency.count },
  ]
}

/** @param buckets upper bounds in seconds */
export function metricDefinitions(buckets: readonly number[]): readonly MetricDefinition[] {
  return [
    ofSession(counter('requests_total', 'Requests that have ended'), (m) => m.requestCount),
    {
      ...counter('request_errors_total', 'Requests that have failed, by code of their error'),
      collect: ({ errorCounts }, session) =>
        Object.entries(errorCounts).map(([code, value]) => ({ labels: { session, code }, value })),
    },
    ofSession(counter('retries_total', 'Attempts that followed a failed one'), (m) => m.retryCount),
    ofSession(
      counter(
        'speculative_executions_total',
        'Attempts that were sent while another one was in flight',
      ),
      (m) => m.speculativeExecutionCount,
    ),
    {
      ...histogram('request_duration_seconds', 'From the call to its end'),
      collect: ({ latency }, session) => histogramOf(latency, { session }, buckets),
    },
    ofSession(
      gauge('queued_requests', 'Requests that wait for a connection'),
      (m) => m.queuedCount,
    ),
    ofSession(gauge('queued_bytes', 'Estimated bytes of those that wait'), (m) => m.queuedBytes),
    ofSession(gauge('in_flight_bytes', 'Bytes of requests in flight'), (m) => m.inFlightBytes),
    {
      ...histogram('node_request_duration_seconds', 'From sending an attempt to its answer'),
      collect: ({ nodes }, session) =>
        nodes.flatMap((node) => histogramOf(node.latency, labelsOf(node, session), buckets)),
    },
    ofNodes(
      counter('node_timeouts_total', 'Attempts that were not answered by the deadline'),
      (node) => node.timeoutCount,
    ),
    ofNodes(
      counter('node_misrouted_requests_total', 'Requests that went to another shard or node'),
      (node) => node.misroutedCount,
    ),
    ofNodes(gauge('node_up', 'Whether the session has a connection to the node'), (node) =>
      node.isUp ? 1 : 0,
    ),
    ofNodes(gauge('node_in_flight_requests', 'Requests in flight'), (node) => node.inFlightCount),
    ofNodes(
      gauge('node_orphaned_requests', 'Requests that were given up and are not answered yet'),
      (node) => node.orphanedCount,
    ),
    ofNodes(gauge('node_connections', 'Open connections'), (node) => node.connectionCount),
    {
      ...gauge('node_shard_connections', 'Open connections to a shard'),
      collect: ({ nodes }, session) =>
        nodes.flatMap((node) =>
          node.connectionCountsByShard.map((value, shard) => ({
            labels: { ...labelsOf(node, session), shard },
            value,
          })),
        ),
    },
  ]
}
