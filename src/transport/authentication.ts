import {
  AuthenticationError,
  ProtocolError,
  ServerError,
  ServerErrorCode,
} from '../errors/index.ts'
import { Opcode, type Response, writeAuthToken } from '../protocol/index.ts'
import { ignoreRejection, isBytes, runLimited, type WorkLimits } from '../util/index.ts'
import type { Connection } from './connection.ts'
import { type InternalRequestOptions, sendInternalRequest } from './internal-request.ts'

/** What an authenticator is told about its connection. */
export interface AuthenticationContext {
  /** Address of the node, `host:port`. */
  readonly address: string
  /** Host id of the node, where nodes are reached by it. */
  readonly hostId: string | undefined
  /** Class of the server's authenticator, as the server names it. */
  readonly authenticator: string
  /**
   * Whether the connection is encrypted. Certificate and name have been verified then, unless the
   * options of TLS turn that off.
   */
  readonly isEncrypted: boolean
  /** Aborted when the login has failed, its time is over, or the session is closed. */
  readonly signal: AbortSignal
}

/** The client's side of one login: made for a connection, and used for no other. */
export interface Authenticator {
  /** Returns the bytes that begin the login. */
  initialResponse(): Uint8Array | Promise<Uint8Array>
  /** Returns the answer to bytes of the server; empty when the server has sent none. */
  evaluateChallenge(challenge: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** Called when the server has accepted the login. A throw refuses the server. */
  onSuccess?(token: Uint8Array): void | Promise<void>
  /** Called once when the login has ended in any way, to wipe secrets for instance. */
  close?(): void
}

/**
 * Logs in to nodes by SASL. Each step of an authenticator may take `connectionTimeoutMs`, and a
 * login has at most 16 challenges.
 */
export interface AuthProvider {
  /** Classes of server authenticators that it answers. A server that asks for another one fails. */
  readonly authenticators: readonly string[]
  /** Returns the authenticator of a new connection. */
  newAuthenticator(context: AuthenticationContext): Authenticator
}

export interface AuthenticationOptions {
  readonly authProvider: AuthProvider | undefined
  /** Host id of the node, if it is known. */
  readonly hostId: string | undefined
  readonly isEncrypted: boolean
  /** Aborts when the connection is given up. */
  readonly signal: AbortSignal
}

/** Challenges of one login; a server with more would go on for ever. */
const challengeCountMax = 16
/** Largest answer of an authenticator. Tickets of Kerberos have at most 64 KiB. */
const answerBytesMax = 1024 * 1024

/**
 * Answers AUTHENTICATE (native_protocol_v4.spec §4.2.3). Nothing is sent unless the provider
 * answers the class that the server names.
 *
 * @throws AuthenticationError, and what a request fails with
 */
export async function authenticate(
  connection: Connection,
  authenticator: string,
  options: AuthenticationOptions,
  requestOptions: InternalRequestOptions,
): Promise<void> {
  const { authProvider, hostId, isEncrypted } = options
  const { address } = connection
  if (authProvider === undefined) {
    throw new AuthenticationError(
      address,
      `the server asks for a login (${authenticator}): set user and password, or authProvider`,
    )
  }
  if (!authProvider.authenticators.includes(authenticator)) {
    throw new AuthenticationError(
      address,
      `the server asks for the authenticator ${authenticator}, which is not among those that are answered (option authenticators, or those of authProvider)`,
    )
  }
  const giveUp = new AbortController()
  const onAbort = (): void => giveUp.abort(options.signal.reason)
  options.signal.addEventListener('abort', onAbort)
  if (options.signal.aborted) onAbort()
  const { signal } = giveUp
  const context = Object.freeze({ address, hostId, authenticator, isEncrypted, signal })
  let client: Authenticator | undefined
  try {
    const limits = { connection, requestOptions, signal }
    const create = (): Authenticator => authProvider.newAuthenticator(context)
    // One that arrives late has a login that has ended.
    client = await runStep('newAuthenticator', create, limits, closeQuietly)
    const run: RunStep = (step, work) => runStep(step, work, limits)
    await login(connection, client, run, requestOptions)
  } catch (error) {
    giveUp.abort(error)
    throw error
  } finally {
    options.signal.removeEventListener('abort', onAbort)
    closeQuietly(client)
  }
}

type RunStep = <T>(step: string, work: () => T | Promise<T>) => Promise<T>

async function login(
  connection: Connection,
  client: Authenticator,
  run: RunStep,
  requestOptions: InternalRequestOptions,
): Promise<void> {
  const { address } = connection
  let step = 'initialResponse'
  let answer = await run<unknown>(step, () => client.initialResponse())
  for (let challengeCount = 0; ; challengeCount++) {
    checkAnswer(address, step, answer)
    const response = await sendAnswer(connection, answer, requestOptions)
    const token = 'token' in response ? (response.token ?? new Uint8Array(0)) : undefined
    if (response.opcode === Opcode.AUTH_SUCCESS) {
      await run('onSuccess', () => client.onSuccess?.(token!))
      return
    }
    if (response.opcode !== Opcode.AUTH_CHALLENGE) {
      throw new ProtocolError(
        `${address} answered AUTH_RESPONSE with opcode 0x${response.opcode.toString(16)}`,
      )
    }
    if (challengeCount === challengeCountMax) {
      throw new AuthenticationError(
        address,
        `the login was given up after ${challengeCountMax} challenges of the server`,
      )
    }
    step = 'evaluateChallenge'
    answer = await run<unknown>(step, () => client.evaluateChallenge(token!))
  }
}

function checkAnswer(address: string, step: string, answer: unknown): asserts answer is Uint8Array {
  if (isBytes(answer) && answer.length <= answerBytesMax) return
  const what = isBytes(answer) ? `${answer.length} bytes` : typeof answer
  throw new AuthenticationError(
    address,
    `${step} of the authenticator returned ${what} instead of a Uint8Array of at most ${answerBytesMax} bytes`,
  )
}

async function sendAnswer(
  connection: Connection,
  answer: Uint8Array,
  requestOptions: InternalRequestOptions,
): Promise<Response> {
  try {
    return await sendInternalRequest(
      connection,
      Opcode.AUTH_RESPONSE,
      (writer) => writeAuthToken(writer, answer),
      requestOptions,
    )
  } catch (error) {
    if (error instanceof ServerError && error.serverCode === ServerErrorCode.BAD_CREDENTIALS) {
      throw new AuthenticationError(connection.address, error.message, { cause: error })
    }
    throw error
  }
}

interface StepLimits {
  readonly connection: Connection
  readonly requestOptions: InternalRequestOptions
  readonly signal: AbortSignal
}

/**
 * Runs code of an authenticator. Its error is the cause of the one that is thrown, and not a part
 * of the message: it may name a secret.
 *
 * @param onLate receives what it returns after the step was given up
 */
async function runStep<T>(
  step: string,
  work: () => T | Promise<T>,
  { connection, requestOptions, signal }: StepLimits,
  onLate?: (value: T) => void,
): Promise<T> {
  const { deadlineTimer, timeoutMs } = requestOptions
  const failed = (reason: string, cause?: unknown): AuthenticationError =>
    new AuthenticationError(connection.address, `${step} of the authenticator ${reason}`, { cause })
  const run = async (): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw failed('failed', error)
    }
  }
  const limits: WorkLimits = {
    ...{ clock: deadlineTimer.clock, timeoutMs, signal, keepAlive: true },
    timeoutError: () => failed(`has not answered within ${timeoutMs} ms`),
    abortError: (reason) => connection.closedError ?? (reason as Error),
  }
  return await runLimited(run, limits, onLate)
}

/** The login has ended already, in success or with an error that must not be replaced. */
function closeQuietly(client: Authenticator | undefined): void {
  try {
    ignoreRejection(client?.close?.())
  } catch {}
}
