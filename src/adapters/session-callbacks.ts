import type { Executor } from '../index.ts'
import type { TableDefinition } from '../patterns.ts'
import { SessionRows, type SessionStoreOptions, type StoredSession } from './session-store.ts'

type Done<Value = never> = (error: unknown, value?: Value) => void

/** A store of `express-session` and of `@fastify/session`. */
export interface SessionStore {
  get(sid: string, done: Done): void
  set(sid: string, session: StoredSession, done?: Done): void
  touch(sid: string, session: StoredSession, done?: Done): void
  destroy(sid: string, done?: Done): void
  /** Reads the whole table. */
  all(done: Done): void
  /** Reads the whole table. */
  length(done: Done<number>): void
  /** Reads the whole table. */
  clear(done?: Done): void
  /** The table as data. */
  tableDefinitions(): readonly TableDefinition[]
  /** Creates what is missing of the table. */
  createTables(): Promise<void>
}

export type SessionStoreClass<Base> = new (
  executor: Executor,
  options?: SessionStoreOptions,
) => Base & SessionStore

/** @param Base the class that the framework wants its stores to extend */
export function sessionStoreOn<Base extends object>(
  Base: abstract new () => Base,
): SessionStoreClass<Base> {
  class TsyllaSessionStore extends (Base as unknown as new () => object) implements SessionStore {
    readonly #rows: SessionRows

    constructor(executor: Executor, options: SessionStoreOptions = {}) {
      super()
      this.#rows = new SessionRows(executor, options)
    }

    get(sid: string, done: Done): void {
      answer(this.#rows.get(sid), done)
    }

    set(sid: string, session: StoredSession, done?: Done): void {
      answer(this.#rows.set(sid, session), done)
    }

    touch(sid: string, session: StoredSession, done?: Done): void {
      answer(this.#rows.touch(sid, session), done)
    }

    destroy(sid: string, done?: Done): void {
      answer(this.#rows.destroy(sid), done)
    }

    all(done: Done): void {
      answer(listOf(this.#rows.all()), done)
    }

    length(done: Done<number>): void {
      answer(
        listOf(this.#rows.all()).then(({ length }) => length),
        done,
      )
    }

    clear(done?: Done): void {
      answer(this.#rows.clear(), done)
    }

    tableDefinitions(): readonly TableDefinition[] {
      return this.#rows.tableDefinitions()
    }

    async createTables(): Promise<void> {
      await this.#rows.createTables()
    }
  }
  return TsyllaSessionStore as unknown as SessionStoreClass<Base>
}

/** Calls back with what becomes of a promise; what the callback throws is no failure of it. */
function answer(promise: Promise<unknown>, done: Done<never> | Done<number> = () => {}): void {
  const settle = async (): Promise<void> => {
    let value: unknown
    try {
      value = await promise
    } catch (error) {
      return done(error)
    }
    done(null, value as never)
  }
  void settle()
}

async function listOf(sessions: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = []
  for await (const session of sessions) list.push(session)
  return list
}
