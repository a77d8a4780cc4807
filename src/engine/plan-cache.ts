import type { PreparedPlan } from './analyze/prepared-plan.ts'

const countMax = 1_000
/** Characters of all texts together: the memory of a plan grows with its text. */
const lengthMax = 4_000_000

/** Plans by keyspace and text. The oldest plans are removed first. */
export class PlanCache {
  readonly #plans: Map<string, PreparedPlan> = new Map()
  #length = 0

  get(text: string, keyspace: string | undefined): PreparedPlan | undefined {
    return this.#plans.get(keyOf(text, keyspace))
  }

  set(text: string, keyspace: string | undefined, plan: PreparedPlan): void {
    const key = keyOf(text, keyspace)
    this.#delete(key)
    if (key.length > lengthMax) return
    this.#plans.set(key, plan)
    this.#length += key.length
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= countMax && this.#length <= lengthMax) return
      this.#delete(oldest)
    }
  }

  #delete(key: string): void {
    if (this.#plans.delete(key)) this.#length -= key.length
  }
}

function keyOf(text: string, keyspace: string | undefined): string {
  return `${keyspace ?? ''}\0${text}`
}
