import type { NodeMetrics, Session } from '../../index.ts'
import type { OtelMeter, OtelObservation } from './api.ts'

/** Observes the metrics of sessions whenever metrics are collected. */
export class SessionObserver {
  readonly #meter: OtelMeter
  readonly #names = new Map<Session, string>()
  readonly #instruments: { readonly [name: string]: object }
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

  /** @returns what ends observing */
  add(session: Session, name: string): () => void {
    this.#names.set(session, name)
    return () => void this.#names.delete(session)
  }

  close(): void {
    this.#names.clear()
    this.#meter.removeBatchObservableCallback(this.#observe, Object.values(this.#instruments))
  }

  #observeAll(observation: OtelObservation): void {
    for (const [session, name] of this.#names) {
      if (session.isClosed) this.#names.delete(session)
      else this.#observeSession(observation, session, name)
    }
  }

  #observeSession(observation: OtelObservation, session: Session, name: string): void {
    const { pending, retries, speculative } = this.#instruments
    const metrics = session.metrics()
    const pool = { 'db.client.connection.pool.name': name }
    observation.observe(pending!, metrics.queuedCount, pool)
    observation.observe(retries!, metrics.retryCount, pool)
    observation.observe(speculative!, metrics.speculativeExecutionCount, pool)
    for (const node of metrics.nodes) this.#observeNode(observation, node, name)
  }

  #observeNode(observation: OtelObservation, node: NodeMetrics, name: string): void {
    const { connections, inFlight, orphaned, misrouted } = this.#instruments
    const pool = {
      'db.client.connection.pool.name': `${name}/${node.address}`,
      'cassandra.coordinator.id': node.hostId,
      'cassandra.coordinator.dc': node.dataCenter,
    }
    // A connection carries many requests at once, so none is ever taken by one.
    const state = { ...pool, 'db.client.connection.state': 'used' }
    observation.observe(connections!, node.connectionCount, state)
    observation.observe(inFlight!, node.inFlightCount, pool)
    observation.observe(orphaned!, node.orphanedCount, pool)
    observation.observe(misrouted!, node.misroutedCount, pool)
  }
}
