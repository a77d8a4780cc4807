import { ProtocolError } from '../../errors/index.ts'
import {
  type Compressor,
  initialFeatures,
  Opcode,
  type ProtocolFeatures,
  type StartupRequest,
  type VersionMismatchError,
} from '../../protocol/index.ts'
import type { LoginGuard } from './client-address.ts'
import { checkPlainToken } from './credentials.ts'
import { checkStartup, isVersion, opcodeName } from './negotiation.ts'
import type { NodeHost } from './node-host.ts'

/** Stages of a connection (transport.ConnectionStage). */
export const ConnectionStage = { established: 0, authenticating: 1, ready: 2, closed: 3 } as const
export type ConnectionStage = (typeof ConnectionStage)[keyof typeof ConnectionStage]

const stageNames: readonly string[] = ['established', 'authenticating', 'ready', 'closed']

/** Frames of other protocol versions a client may try on one connection. */
const versionTriesMax = 8
/** Wrong passwords a client may try on one connection. */
const passwordTriesMax = 3

type HandshakeHost = Pick<NodeHost, 'compressor' | 'credentials'>

/** The stage of a connection: which requests it may send, and what STARTUP and the login decide. */
export class Handshake {
  readonly #host: HandshakeHost
  readonly #loginGuard: LoginGuard | undefined
  #stage: ConnectionStage = ConnectionStage.established
  #startupOptions: ReadonlyMap<string, string> = new Map()
  #features: ProtocolFeatures = initialFeatures
  #versionTryCount = 0
  #passwordTryCount = 0

  constructor(host: HandshakeHost, loginGuard: LoginGuard | undefined) {
    this.#host = host
    this.#loginGuard = loginGuard
  }

  get isReady(): boolean {
    return this.#stage === ConnectionStage.ready
  }

  get isClosed(): boolean {
    return this.#stage === ConnectionStage.closed
  }

  get stageName(): string {
    return stageNames[this.#stage]!
  }

  get features(): ProtocolFeatures {
    return this.#features
  }

  /** The options that the client sent with STARTUP. */
  get startupOptions(): ReadonlyMap<string, string> {
    return this.#startupOptions
  }

  /** Whether the client has tried all the passwords that one connection may try. */
  get isOutOfTries(): boolean {
    return this.#passwordTryCount >= passwordTriesMax
  }

  /**
   * Checks that a request is allowed in this stage (ServerConnection.validateNewMessage).
   *
   * @throws ProtocolError
   */
  checkOpcode(opcode: number): void {
    const stage = this.#stage
    const name = opcodeName(opcode)
    if (stage === ConnectionStage.ready) {
      if (opcode !== Opcode.STARTUP) return
      throw new ProtocolError('Unexpected message STARTUP, the connection is already initialized')
    }
    if (stage === ConnectionStage.established) {
      if (opcode === Opcode.STARTUP || opcode === Opcode.OPTIONS) return
      throw new ProtocolError(`Unexpected message ${name}, expecting STARTUP or OPTIONS`)
    }
    if (opcode !== Opcode.AUTH_RESPONSE) {
      throw new ProtocolError(`Unexpected message ${name}, expecting SASL_RESPONSE`)
    }
  }

  /**
   * Takes the options of STARTUP. Afterwards the client is ready, or has to log in.
   *
   * @returns the compressor of all further frames; `undefined` for no compression
   * @throws ProtocolError
   */
  start({ options }: StartupRequest): Compressor | undefined {
    checkStartup(options)
    const compressor = this.#compressorOf(options)
    if (compressor !== undefined) {
      this.#features = Object.freeze({ ...initialFeatures, compression: compressor.name })
    }
    this.#startupOptions = options
    this.#stage =
      this.#host.credentials === undefined ? ConnectionStage.ready : ConnectionStage.authenticating
    return compressor
  }

  #compressorOf(options: ReadonlyMap<string, string>): Compressor | undefined {
    const name = options.get('COMPRESSION')?.toLowerCase()
    if (name === undefined || name === '') return undefined
    const compressor = this.#host.compressor(name)
    if (compressor === undefined) throw new ProtocolError(`Unknown compression algorithm: ${name}`)
    return compressor
  }

  /** Checks a login. @throws ServerError for one that is refused */
  authenticate(token: Uint8Array | null): void {
    const { credentials } = this.#host
    if (this.#stage !== ConnectionStage.authenticating || credentials === undefined) {
      throw new ProtocolError('Unexpected message AUTH_RESPONSE: no authentication is in progress')
    }
    this.#loginGuard?.check()
    try {
      checkPlainToken(token, credentials)
    } catch (error) {
      this.#loginGuard?.failed()
      this.#passwordTryCount++
      throw error
    }
    this.#stage = ConnectionStage.ready
  }

  /** Returns whether a client that sent a frame of another version may try the next one. */
  mayTryVersion({ version }: VersionMismatchError): boolean {
    if (this.#stage !== ConnectionStage.established || !isVersion(version)) return false
    return ++this.#versionTryCount < versionTriesMax
  }

  close(): void {
    this.#stage = ConnectionStage.closed
  }
}
