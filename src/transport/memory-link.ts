import type { Runtime } from '../util/index.ts'
import type { Link, LinkHandler } from './link.ts'

/**
 * Microtasks alone would starve timers and sockets of a process that keeps awaiting its own
 * engine, so after this long the next delivery goes through the event loop.
 */
const macrotaskEveryMs = 1

/** One direction of a memory link. */
class Pipe {
  readonly #runtime: Runtime
  #chunks: Uint8Array[] = []
  #isScheduled = false
  #lastMacrotaskMs = Number.NEGATIVE_INFINITY
  /** Set when the other end is gone, after what was written before it. */
  #endError: { readonly error: Error | undefined } | undefined
  #isClosed = false
  handler: LinkHandler | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  push(bytes: Uint8Array): void {
    if (this.#isClosed || this.#endError !== undefined) return
    this.#chunks.push(bytes)
    this.#schedule()
  }

  /** Delivers what is there, then closes the receiving side. */
  end(error: Error | undefined): void {
    this.#endError ??= { error }
    this.#schedule()
  }

  /** Closes the receiving side; what was not delivered is dropped. */
  close(error: Error | undefined): void {
    this.#chunks = []
    this.end(error)
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return
    this.#isScheduled = true
    const { clock } = this.#runtime
    if (clock.monotonicMs() - this.#lastMacrotaskMs > macrotaskEveryMs) {
      this.#runtime.nextTurn(() => {
        this.#lastMacrotaskMs = clock.monotonicMs()
        this.#deliver()
      })
    } else {
      this.#runtime.defer(() => this.#deliver())
    }
  }

  #deliver(): void {
    this.#isScheduled = false
    const chunks = this.#chunks
    this.#chunks = []
    for (const bytes of chunks) {
      if (this.#isClosed) return
      this.handler?.onBytes(bytes, 0, bytes.length)
    }
    if (this.#endError !== undefined && this.#chunks.length === 0 && !this.#isClosed) {
      this.#isClosed = true
      this.handler?.onClosed(this.#endError.error)
    }
  }
}

class MemoryLink implements Link {
  readonly #outgoing: Pipe
  readonly #incoming: Pipe

  constructor(outgoing: Pipe, incoming: Pipe) {
    this.#outgoing = outgoing
    this.#incoming = incoming
  }

  write(bytes: Uint8Array): boolean {
    this.#outgoing.push(bytes)
    return false
  }

  end(): void {
    this.#outgoing.end(undefined)
    this.#incoming.end(undefined)
  }

  destroy(): void {
    this.#outgoing.close(undefined)
    this.#incoming.close(undefined)
  }
}

/**
 * Connects two handlers in this process. Bytes change owner with `write`: they are handed over,
 * not copied.
 *
 * @param accept is given the server's end and answers with the server's handler
 * @param runtime orders the deliveries; its clock decides which pass through the event loop
 */
export function openMemoryLink(
  handler: LinkHandler,
  accept: (link: Link) => LinkHandler,
  runtime: Runtime,
): Link {
  const toServer = new Pipe(runtime)
  const toClient = new Pipe(runtime)
  toClient.handler = handler
  toServer.handler = accept(new MemoryLink(toClient, toServer))
  return new MemoryLink(toServer, toClient)
}
