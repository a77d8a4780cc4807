import { readFile } from 'node:fs/promises'
import { embedded, type EmbeddedOptions, type ListenTlsOptions } from '../embedded.ts'
import { type Command, UsageError } from './arguments.ts'

export interface ServeOptions extends Omit<Command & { readonly name: 'serve' }, 'name'> {
  readonly print: (line: string) => void
  /** Resolves when the server is to stop. */
  readonly stopped: Promise<void>
}

/**
 * Serves an engine until `stopped` resolves. Acknowledged writes are kept.
 * @throws UsageError for a file that cannot be read
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { host, port, path, print, stopped } = options
  let isStopped = false
  const noted = stopped.then(() => {
    isStopped = true
  })
  const tls = await tlsOf(options.tls)
  const database = await embedded({
    ...(path === undefined ? {} : { path }),
    ...(await loginOf(options.login)),
  })
  try {
    // The signal may have come while the data was being opened.
    if (isStopped) return
    const onDisconnect = (reason: string): void => print(`A client was disconnected: ${reason}`)
    const listener = await database.listen({ host, port, onDisconnect, ...(tls && { tls }) })
    const place = path === undefined ? 'in memory' : `in ${path}`
    print(`tsylla listens on ${listener.address}, data ${place}`)
    await noted
    print('tsylla stops')
  } finally {
    await database.close()
  }
}

async function loginOf(
  login: ServeOptions['login'],
): Promise<Pick<EmbeddedOptions, 'user' | 'password'>> {
  if (login === undefined) return {}
  const text = await read('--password-file', login.passwordFile)
  const password = text.toString('utf8').replace(/\r?\n$/, '')
  if (password === '') throw new UsageError(`--password-file ${login.passwordFile} is empty`)
  return { user: login.user, password }
}

async function tlsOf(tls: ServeOptions['tls']): Promise<ListenTlsOptions | undefined> {
  if (tls === undefined) return undefined
  const cert = await read('--tls-cert', tls.certFile)
  return { cert, key: await read('--tls-key', tls.keyFile) }
}

async function read(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`${option} ${path} cannot be read: ${(error as Error).message}`)
  }
}
