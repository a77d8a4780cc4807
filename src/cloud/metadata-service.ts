import { type IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { ConnectionError, TlsError, type TsyllaError } from '../errors/index.ts'
import { isTlsError, parseAddress } from '../transport/index.ts'
import type { Clock } from '../util/index.ts'
import type { AstraBundle } from './astra-bundle.ts'
import { Fields } from './fields.ts'

/** How the nodes of a cluster are reached. */
export interface ContactInfo {
  readonly proxy: { readonly host: string; readonly port: number }
  readonly localDataCenter: string
  readonly hostIds: readonly string[]
}

export interface MetadataRequestOptions {
  readonly clock: Clock
  /** For the whole answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

const answerBytesMax = 1024 * 1024
/** Contact points that are used; any one of them describes all nodes. */
const hostIdCountMax = 100
const defaultProxyPort = 29_042

/**
 * Asks the metadata service of Astra DB where the nodes are.
 *
 * @throws ConnectionError, TlsError
 */
export async function readContactInfo(
  bundle: AstraBundle,
  options: MetadataRequestOptions,
): Promise<ContactInfo> {
  const service = `${bundle.host}:${bundle.port}`
  const fault = (reason: string, cause?: unknown): ConnectionError =>
    new ConnectionError(service, `the metadata service ${reason}`, 'not_applied', { cause })
  const body = await fetchMetadata(bundle, options, fault)
  try {
    return readAnswer(JSON.parse(body.toString()) as unknown)
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is no JSON' : (error as Error).message
    throw fault(`gave an answer that is not understood: ${reason}`, error)
  }
}

function readAnswer(value: unknown): ContactInfo {
  const info = new Fields('the answer', value).fields('contact_info')
  const address = info.text('sni_proxy_address')
  const ids = info.value('contact_points')
  if (!Array.isArray(ids) || ids.length === 0) {
    throw info.fault('contact_points', 'is no list of host ids')
  }
  const hostIds = ids.slice(0, hostIdCountMax).map((id: unknown) => {
    if (typeof id === 'string' && isHostId(id)) return id.toLowerCase()
    throw info.fault('contact_points', 'contains what is no host id')
  })
  return {
    proxy: parseAddress(address, defaultProxyPort, info.pathOf('sni_proxy_address')),
    localDataCenter: info.text('local_dc'),
    hostIds,
  }
}

function isHostId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

/** Returns the body of the answer, with the certificates of both sides verified. */
async function fetchMetadata(
  { host, port, ca, cert, key }: AstraBundle,
  { clock, timeoutMs, signal }: MetadataRequestOptions,
  fault: (reason: string, cause?: unknown) => ConnectionError,
): Promise<Buffer> {
  const options: RequestOptions = { host, port, path: '/metadata', agent: false, ca, cert, key }
  return await new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      response.on('error', (error) => end(fault('broke off its answer', error)))
      readBody(response, fault, (error) => end(error), resolve)
    })
    const end = (error: TsyllaError): void => {
      // Settling a promise twice does nothing: the first reason counts.
      reject(error)
      call.destroy()
    }
    const timer = clock.schedule(
      timeoutMs,
      () => end(fault(`has not answered within ${timeoutMs} ms`)),
      true,
    )
    const onAbort = (): void => end(fault('was given up', signal?.reason))
    signal?.addEventListener('abort', onAbort)
    call.on('error', (error) => {
      end(
        isTlsError(error)
          ? new TlsError(`${host}:${port}`, error.message, { cause: error })
          : fault(`cannot be reached: ${error.message}`, error),
      )
    })
    call.on('close', () => {
      timer.cancel()
      signal?.removeEventListener('abort', onAbort)
      end(fault('closed the connection without an answer'))
    })
    if (signal?.aborted === true) onAbort()
    else call.end()
  })
}

function readBody(
  response: IncomingMessage,
  fault: (reason: string) => ConnectionError,
  fail: (error: ConnectionError) => void,
  onBody: (body: Buffer) => void,
): void {
  const { statusCode } = response
  if (statusCode !== 200) {
    const hint = statusCode === 503 ? ' (is the database hibernated?)' : ''
    fail(fault(`answered with status ${statusCode}${hint}`))
    return
  }
  const chunks: Buffer[] = []
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > answerBytesMax) fail(fault(`answered with more than ${answerBytesMax} bytes`))
    else chunks.push(chunk)
  })
  response.on('end', () => {
    if (response.complete) onBody(Buffer.concat(chunks))
  })
}
