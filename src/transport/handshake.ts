import {
  ConfigError,
  ConnectionError,
  ProtocolError,
  ServerError,
  TsyllaError,
} from '../errors/index.ts'
import {
  type Compressor,
  gracefulDisconnect,
  negotiate,
  Opcode,
  type ProtocolVersion,
  type Response,
  ScyllaExtension,
  writeRegister,
  writeStartup,
} from '../protocol/index.ts'
import { authenticate, type AuthenticationOptions } from './authentication.ts'
import { sendInternalRequest, type InternalRequestOptions } from './internal-request.ts'
import type { Connection } from './connection.ts'

export interface HandshakeOptions {
  /** How to log in where the node asks for it. */
  readonly authentication: AuthenticationOptions
  readonly compressor: Compressor | undefined
  readonly protocolVersionMax: ProtocolVersion
  /** DRIVER_NAME, APPLICATION_NAME and the like. */
  readonly startup: ReadonlyMap<string, string>
  readonly eventTypes: readonly string[]
}

/** Extensions that are asked for where a node offers them. */
const extensions: readonly ScyllaExtension[] = [
  ScyllaExtension.LWT_MARK,
  ScyllaExtension.METADATA_ID,
  ScyllaExtension.RATE_LIMIT_ERROR,
  ScyllaExtension.TABLETS,
  ScyllaExtension.TABLETS_V2,
]

/**
 * OPTIONS, STARTUP, authentication and REGISTER (native_protocol_v4.spec §4.1). Afterwards the
 * connection takes requests.
 */
export async function handshake(
  connection: Connection,
  options: HandshakeOptions,
  requestOptions: InternalRequestOptions,
): Promise<void> {
  const supported = await sendInternalRequest(connection, Opcode.OPTIONS, () => {}, requestOptions)
  if (supported.opcode !== Opcode.SUPPORTED) throw unexpected(connection, supported, 'OPTIONS')
  const { compressor } = options
  const { startup, features } = negotiate(supported.options, {
    versionMax: options.protocolVersionMax,
    compression: compressor?.name,
    extensions,
    startup: options.startup,
  })
  checkCompression(connection, compressor, supported.options)
  connection.useFeatures(features, compressor)
  const answer = await sendInternalRequest(
    connection,
    Opcode.STARTUP,
    (writer) => writeStartup(writer, startup),
    requestOptions,
  )
  if (answer.opcode === Opcode.READY || answer.opcode === Opcode.AUTHENTICATE) {
    connection.beginSegments()
  }
  if (answer.opcode === Opcode.AUTHENTICATE) {
    await authenticate(connection, answer.authenticator, options.authentication, requestOptions)
  } else if (answer.opcode !== Opcode.READY) {
    throw unexpected(connection, answer, 'STARTUP')
  }
  const isAnnounced = isOffered(supported.options.get(gracefulDisconnect))
  const eventTypes = [...options.eventTypes, ...(isAnnounced ? [gracefulDisconnect] : [])]
  if (eventTypes.length > 0) {
    const ready = await sendInternalRequest(
      connection,
      Opcode.REGISTER,
      (writer) => writeRegister(writer, eventTypes),
      requestOptions,
    )
    if (ready.opcode !== Opcode.READY) throw unexpected(connection, ready, 'REGISTER')
  }
}

/** Whether a node offers an extension: by naming it, unless it says that it is off. */
function isOffered(values: readonly string[] | undefined): boolean {
  return values !== undefined && values[0]?.toLowerCase() !== 'false'
}

function checkCompression(
  connection: Connection,
  compressor: Compressor | undefined,
  supported: ReadonlyMap<string, readonly string[]>,
): void {
  const offered = supported.get('COMPRESSION') ?? []
  if (compressor === undefined || offered.includes(compressor.name)) return
  throw new ConfigError(
    `${connection.address} does not offer ${compressor.name} compression, only ${offered.join(', ') || 'none'}`,
  )
}

function unexpected(connection: Connection, response: Response, request: string): ProtocolError {
  return new ProtocolError(
    `${connection.address} answered ${request} with opcode 0x${response.opcode.toString(16)}`,
  )
}

/** Content types of TLS records that answer bytes which are not TLS (RFC 8446 §5.1). */
const tlsAlert = 0x15
const tlsHandshake = 0x16

/**
 * Returns what to do when a port seems to expect TLS: it answers with a TLS record, or it closes
 * the connection without an answer. Call it before the connection is closed here.
 */
export function tlsHint({ firstByte, closedError }: Connection): string {
  if (firstByte === tlsAlert || firstByte === tlsHandshake) {
    return '. The port speaks TLS: set the option tls'
  }
  const isClosedByNode = firstByte === -1 && closedError instanceof ConnectionError
  return isClosedByNode
    ? '. The node has sent nothing before, as a port that expects TLS does: if so, set the option tls'
    : ''
}

/**
 * Returns what went wrong while connecting as an error that names the node.
 *
 * @param hint what to do about it, added to the message
 */
export function asConnectError(address: string, error: unknown, hint = ''): TsyllaError {
  if (!TsyllaError.is(error)) {
    return new ConnectionError(address, `the handshake failed${hint}`, 'not_applied', {
      cause: error,
    })
  }
  const isPlain =
    error.code === 'TSYLLA_REQUEST_TIMEOUT' ||
    error.code === 'TSYLLA_PROTOCOL' ||
    error instanceof ServerError
  if (!isPlain && hint === '') return error
  const { message } = error
  const reason = message.startsWith(`${address}: `) ? message.slice(address.length + 2) : message
  return new ConnectionError(address, `the handshake failed: ${reason}${hint}`, 'not_applied', {
    cause: error,
  })
}
