import { prepareStatement, prepareText } from './analyze/prepare.ts'
import type { PlanDependency, PreparedPlan } from './analyze/prepared-plan.ts'
import type { Catalog } from './catalog/catalog.ts'
import { PlanCache } from './plan-cache.ts'

/** Makes plans of statements, and makes them again when the schema they depend on has changed. */
export class Planner {
  readonly #catalog: Catalog
  readonly #cache: PlanCache = new PlanCache()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** Parses and analyzes a statement. @throws ServerError with the message of Cassandra */
  prepare(text: string, keyspace: string | undefined): PreparedPlan {
    const cached = this.#cache.get(text, keyspace)
    if (cached !== undefined && this.#isCurrent(cached)) return cached
    const prepared = prepareText(this.#catalog, text, keyspace)
    if (prepared.plan.kind !== 'schema') this.#cache.set(text, keyspace, prepared)
    return prepared
  }

  /** The plan for the tables as they are now: TRUNCATE and options replace their schemas. */
  current(prepared: PreparedPlan): PreparedPlan {
    if (this.#isCurrent(prepared)) return prepared
    return prepareStatement(this.#catalog, prepared.statement, prepared.text, prepared.keyspace)
  }

  /**
   * Whether DDL changed or dropped a table that a statement was prepared against, so that clients
   * must prepare it again. TRUNCATE and options do not count.
   */
  isEvicted(prepared: PreparedPlan): boolean {
    return prepared.dependencies.some((dependency) => {
      if (dependency.kind !== 'table') return false
      const { keyspace, name, columns, id } = dependency.schema
      const current = this.#catalog.keyspace(keyspace)?.tables.get(name)?.schema
      return current === undefined || current.columns !== columns || current.id !== id
    })
  }

  #isCurrent({ dependencies }: PreparedPlan): boolean {
    for (let i = 0; i < dependencies.length; i++) {
      if (!this.#isUnchanged(dependencies[i]!)) return false
    }
    return true
  }

  #isUnchanged(dependency: PlanDependency): boolean {
    if (dependency.kind === 'table') {
      const { keyspace, name } = dependency.schema
      return this.#catalog.keyspace(keyspace)?.tables.get(name)?.schema === dependency.schema
    }
    const { keyspace, name } = dependency.type
    return this.#catalog.keyspace(keyspace)?.types.get(name) === dependency.type
  }
}
