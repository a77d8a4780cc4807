import { ClosedError } from '../errors/index.ts'
import type { Endpoint, Link, LinkHandler } from '../transport/index.ts'
import type { Clock } from '../util/index.ts'
import type { OpenEngine } from './open-engine.ts'

/** Endpoint of one session on an engine of this process. */
export class EngineEndpoint implements Endpoint {
  readonly address: string
  readonly network = undefined
  readonly #engine: OpenEngine
  readonly #onRelease: () => Promise<void>
  #release: Promise<void> | undefined

  /** @param onRelease is called when the session has ended */
  constructor(address: string, engine: OpenEngine, onRelease: () => Promise<void>) {
    this.address = address
    this.#engine = engine
    this.#onRelease = onRelease
  }

  get clock(): Clock | undefined {
    return this.#engine.settings.clock
  }

  get isUntimed(): boolean {
    return this.clock !== undefined
  }

  get isClosed(): boolean {
    return this.#engine.isClosed
  }

  async open(handler: LinkHandler): Promise<Link> {
    if (this.isClosed) throw new ClosedError('database')
    return this.#engine.connect(handler)
  }

  release(): Promise<void> {
    this.#release ??= this.#onRelease()
    return this.#release
  }
}
