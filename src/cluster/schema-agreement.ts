import { SchemaAgreementError, type TsyllaError } from '../errors/index.ts'
import type { InternalRequestOptions, Connection, DeadlineTimer } from '../transport/index.ts'
import { sleep } from '../util/index.ts'
import type { ClusterNode } from './cluster-node.ts'
import { readPeers, readSchemaVersion } from './system-tables.ts'

export interface SchemaAgreementOptions {
  readonly deadlineTimer: DeadlineTimer
  readonly requestOptions: InternalRequestOptions
  readonly timeoutMs: number
  readonly nodes: () => Iterable<ClusterNode>
  readonly unavailableError: () => TsyllaError
}

const pollMs = 200
/**
 * How long a node without a connection may disagree while all others agree. It may be starting, and
 * then replicas on it refuse what the new schema allows; or it may have been dead for long.
 */
const absentNodeWaitMs = 10_000

/**
 * Waits until all nodes have one schema version. A node with a connection is asked for its own
 * version, because what nodes know of each other is late. A node without one counts by what
 * `system.peers` of another node says of it, unless it is known or presumed to be down.
 */
export class SchemaAgreement {
  readonly #options: SchemaAgreementOptions

  constructor(options: SchemaAgreementOptions) {
    this.#options = options
  }

  /**
   * @param coordinator has run the DDL and must answer; other nodes that are lost are passed over
   * @throws SchemaAgreementError
   */
  async wait(coordinator?: Connection): Promise<void> {
    const { deadlineTimer, timeoutMs } = this.#options
    const startedMs = deadlineTimer.nowMs()
    for (;;) {
      const asked = await this.#askedVersions(coordinator)
      const absent = asked.size === 1 ? await this.#absentNodes([...asked][0]!, coordinator) : []
      if (asked.size === 1 && absent.length === 0) return
      const waitedMs = deadlineTimer.nowMs() - startedMs
      if (asked.size === 1 && waitedMs >= Math.min(absentNodeWaitMs, timeoutMs)) {
        for (const node of absent) node.isPresumedDown = true
        return
      }
      if (waitedMs >= timeoutMs) throw new SchemaAgreementError(timeoutMs)
      await sleep(deadlineTimer.clock, pollMs)
    }
  }

  async #askedVersions(coordinator: Connection | undefined): Promise<ReadonlySet<string>> {
    const { requestOptions, unavailableError } = this.#options
    const others = this.#connections().filter(({ address }) => address !== coordinator?.address)
    if (coordinator === undefined && others.length === 0) throw unavailableError()
    const own = coordinator === undefined ? [] : [readSchemaVersion(coordinator, requestOptions)]
    const rest = others.map((connection) =>
      readSchemaVersion(connection, requestOptions).catch(() => undefined),
    )
    const versions = await Promise.all([...own, ...rest])
    return new Set(versions.filter((version) => version !== undefined))
  }

  /** One connection per node that has any. */
  #connections(): Connection[] {
    return [...this.#options.nodes()].flatMap(({ pool }) => pool.connections.slice(0, 1))
  }

  /** Nodes without a connection that, as another node reports, have another version. */
  async #absentNodes(
    version: string,
    coordinator: Connection | undefined,
  ): Promise<readonly ClusterNode[]> {
    const absent = [...this.#options.nodes()].filter(
      ({ pool, isPresumedDown }) => !pool.isAvailable && !isPresumedDown,
    )
    const connection = coordinator ?? this.#connections()[0]
    if (absent.length === 0 || connection === undefined) return []
    const peers = await readPeers(connection, this.#options.requestOptions).catch(() => undefined)
    const others = new Set(
      peers?.nodes
        .filter(({ schemaVersion }) => schemaVersion !== undefined && schemaVersion !== version)
        .map(({ hostId }) => hostId),
    )
    return absent.filter(({ hostId }) => others.has(hostId))
  }
}
