import type { SchemaChange } from '../../protocol/index.ts'

/** Tables and types that changes are remembered of; beyond that everything counts as changed. */
const changeCountMax = 1_000

/** What a statement was prepared against. */
export interface SchemaDependency {
  readonly keyspace: string | undefined
  readonly table: string | undefined
  readonly hasUserTypes: boolean
}

/**
 * Changes of the schema since the session began, so that statements prepared before one are
 * prepared again: a server does not look at the types that values were bound with.
 */
export class SchemaChangeTracker {
  /** Grows with every change. */
  epoch = 0
  readonly #epochs = new Map<string, number>()
  /** Epoch before which every prepared statement counts as changed. */
  #forgottenEpoch = 0

  note({ target, keyspace, name }: SchemaChange): void {
    if (target !== 'TABLE' && target !== 'TYPE') return
    this.epoch++
    if (this.#epochs.size >= changeCountMax) this.forget()
    this.#epochs.set(target === 'TABLE' ? tableKey(keyspace, name) : typesKey(keyspace), this.epoch)
  }

  /** Everything may have changed: events were missed. */
  forget(): void {
    this.#epochs.clear()
    this.#forgottenEpoch = ++this.epoch
  }

  /** Whether something has changed since `epoch` that may matter to a statement. */
  hasChanged(epoch: number, { keyspace, table, hasUserTypes }: SchemaDependency): boolean {
    if (keyspace === undefined) return false
    const changed = this.#epochs.get(tableKey(keyspace, table)) ?? 0
    const typesChanged = hasUserTypes ? (this.#epochs.get(typesKey(keyspace)) ?? 0) : 0
    return Math.max(changed, typesChanged, this.#forgottenEpoch) > epoch
  }
}

function tableKey(keyspace: string, table: string | undefined): string {
  return JSON.stringify([keyspace, table])
}

function typesKey(keyspace: string): string {
  return JSON.stringify([keyspace])
}
