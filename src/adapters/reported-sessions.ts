import { ConfigError, type Session } from '../index.ts'

interface ReportedSession {
  readonly session: Session
  /** Calls of `add` that have not been ended. */
  registrationCount: number
}

/** The sessions whose metrics are reported, by a name that is unique among the open ones. */
export class ReportedSessions {
  readonly #byName = new Map<string, ReportedSession>()

  /**
   * @returns what ends this registration; other registrations of the session stay
   * @throws ConfigError when another session has that name
   */
  add(session: Session, name: string): () => void {
    let entry = this.#byName.get(name)
    if (entry === undefined || entry.session.isClosed) {
      entry = { session, registrationCount: 0 }
      this.#byName.set(name, entry)
    } else if (entry.session !== session) {
      throw new ConfigError(
        `Another session is reported as ${JSON.stringify(name)} already: pass a name of its own for each session`,
      )
    }
    const own = entry
    own.registrationCount++
    let isEnded = false
    return () => {
      if (isEnded) return
      isEnded = true
      own.registrationCount--
      if (own.registrationCount === 0 && this.#byName.get(name) === own) this.#byName.delete(name)
    }
  }

  /** Returns the open sessions, and forgets those that were closed. */
  open(): readonly (readonly [name: string, session: Session])[] {
    for (const [name, { session }] of this.#byName) {
      if (session.isClosed) this.#byName.delete(name)
    }
    return Array.from(this.#byName, ([name, { session }]) => [name, session] as const)
  }

  clear(): void {
    this.#byName.clear()
  }
}
