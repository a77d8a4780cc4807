import type { Session, SessionMetrics } from '../../index.ts'
import { ReportedSessions } from '../reported-sessions.ts'
import type { OtelMeter, OtelObservation } from './api.ts'
import { addressAttributes, poolAttributes } from './attributes.ts'

/** The instruments by what they show. */
interface Instruments {
  readonly connections: object
  readonly pending: object
  readonly inFlight: object
  readonly orphaned: object
  readonly misrouted: object
  readonly retries: object
  readonly speculative: object
}

/** Observes the metrics of sessions whenever metrics are collected. */
export class SessionObserver {
  readonly #meter: OtelMeter
  readonly #sessions = new ReportedSessions()
  readonly #instruments: Instruments
  readonly #observe = (observation: OtelObservation): void => this.#observeAll(observation)

  constructor(meter: OtelMeter) {
    this.#meter = meter
    const gauge = (name: string, unit: string, description: string): object =>
      meter.createObservableUpDownCounter(name, { unit, description })
    const counter = (name: string, unit: string, description: string): object =>
      meter.createObservableCounter(name, { unit, description })
    this.#instruments = {
      connections: gauge('db.client.connection.count', '{connection}', 'Open connections'),
      pending: gauge(
        'db.client.connection.pending_requests',
        '{request}',
        'Requests that wait for a connection',
      ),
      inFlight: gauge('tsylla.stream_ids.in_flight', '{request}', 'Requests in flight'),
      orphaned: gauge(
        'tsylla.stream_ids.orphaned',
        '{request}',
        'Requests that were given up and are not answered yet',
      ),
      misrouted: counter(
        'tsylla.shard.misrouted',
        '{request}',
        'Requests that went to another shard or node than the one of their partition',
      ),
      retries: counter('tsylla.retries', '{attempt}', 'Attempts that followed a failed one'),
      speculative: counter(
        'tsylla.speculative_executions',
        '{attempt}',
        'Attempts that were sent while another one was in flight',
      ),
    }
    meter.addBatchObservableCallback(this.#observe, Object.values(this.#instruments))
  }

  /** @returns what ends this registration @throws ConfigError when the name is taken */
  add(session: Session, name: string): () => void {
    return this.#sessions.add(session, name)
  }

  close(): void {
    this.#sessions.clear()
    this.#meter.removeBatchObservableCallback(this.#observe, Object.values(this.#instruments))
  }

  #observeAll(observation: OtelObservation): void {
    for (const [name, session] of this.#sessions.open()) {
      observeSession(this.#instruments, observation, session.metrics(), name)
    }
  }
}

function observeSession(
  { pending, retries, speculative, ...ofNodes }: Instruments,
  observation: OtelObservation,
  metrics: SessionMetrics,
  name: string,
): void {
  const attributes = { ...poolAttributes(metrics.server), 'tsylla.session.name': name }
  observation.observe(pending, metrics.queuedCount, attributes)
  observation.observe(retries, metrics.retryCount, attributes)
  observation.observe(speculative, metrics.speculativeExecutionCount, attributes)
  for (const node of metrics.nodes) {
    const ofNode = {
      ...attributes,
      ...addressAttributes('network.peer', node.address),
      'cassandra.coordinator.id': node.hostId,
      'cassandra.coordinator.dc': node.dataCenter,
    }
    // A connection carries many requests at once, so none is ever taken by one.
    const state = { ...ofNode, 'db.client.connection.state': 'used' }
    observation.observe(ofNodes.connections, node.connectionCount, state)
    observation.observe(ofNodes.inFlight, node.inFlightCount, ofNode)
    observation.observe(ofNodes.orphaned, node.orphanedCount, ofNode)
    observation.observe(ofNodes.misrouted, node.misroutedCount, ofNode)
  }
}
