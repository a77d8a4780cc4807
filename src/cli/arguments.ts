import { parseArgs } from 'node:util'

/** An invalid command line; the message is shown to the user. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | {
      readonly name: 'serve'
      readonly host: string
      readonly port: number
      readonly path: string | undefined
      readonly login: { readonly user: string; readonly passwordFile: string } | undefined
      readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
    }

export const usage = `tsylla: ScyllaDB and Apache Cassandra for TypeScript

Usage: tsylla serve [--listen [HOST:]PORT] [--path DIRECTORY]
                    [--user NAME --password-file FILE] [--tls-cert FILE --tls-key FILE]

Commands:
  serve                 answer CQL drivers and cqlsh from the embedded engine

Options:
  --listen [HOST:]PORT  where to listen (default 127.0.0.1:9042; port 0 takes any free one)
  --path DIRECTORY      keep the data there (default: in memory)
  --user NAME           ask clients to log in as this user
  --password-file FILE  file that holds the password, and nothing else
  --tls-cert FILE       encrypt connections: certificate chain of the server, in PEM
  --tls-key FILE        its private key, in PEM
  --insecure            allow an address that other machines reach without --user
  -h, --help            show this text
  -v, --version         show the version
`

/** @throws UsageError */
export function parseCommand(argv: readonly string[]): Command {
  const { values, positionals } = parse(argv)
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  const [command, ...rest] = positionals
  if (command === undefined) throw new UsageError('A command is missing')
  if (command !== 'serve') throw new UsageError(`Unknown command ${JSON.stringify(command)}`)
  if (rest.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(rest[0])}`)
  if (values.path === '') throw new UsageError('--path needs a directory')
  const { host, port } = parseListen(values.listen ?? '')
  const login = pair(values, 'user', 'password-file')
  const tls = pair(values, 'tls-cert', 'tls-key')
  if (login === undefined && values.insecure !== true && !isLoopback(host)) {
    throw new UsageError(
      `Other machines can reach ${host}, and everyone there could read and write. Use --user and --password-file, or --insecure to allow it`,
    )
  }
  return {
    name: 'serve',
    host,
    port,
    path: values.path,
    login: login && { user: login[0], passwordFile: login[1] },
    tls: tls && { certFile: tls[0], keyFile: tls[1] },
  }
}

/** Values of two options that must be used together. */
function pair(
  values: Values,
  first: 'user' | 'tls-cert',
  second: 'password-file' | 'tls-key',
): readonly [string, string] | undefined {
  const [a, b] = [values[first], values[second]]
  if (a === undefined && b === undefined) return undefined
  if (a === undefined || b === undefined) {
    throw new UsageError(`--${first} and --${second} go together`)
  }
  if (a === '' || b === '') throw new UsageError(`--${first} and --${second} cannot be empty`)
  return [a, b]
}

/** Whether an address can be reached from this machine only. A name may mean any address. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

interface Values {
  readonly listen?: string
  readonly path?: string
  readonly user?: string
  readonly 'password-file'?: string
  readonly 'tls-cert'?: string
  readonly 'tls-key'?: string
  readonly insecure?: boolean
  readonly help?: boolean
  readonly version?: boolean
}

function parse(argv: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        listen: { type: 'string' },
        path: { type: 'string' },
        user: { type: 'string' },
        'password-file': { type: 'string' },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
        insecure: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** `port`, `host`, `host:port`, `:port`, `[v6]`, `[v6]:port`. A lone number is a port. */
function parseListen(text: string): { host: string; port: number } {
  if (/^\d+$/.test(text)) return parseListen(`:${text}`)
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]*))(?::(\d+))?$/i.exec(text)
  const port = match?.[3] === undefined ? 9042 : Number(match[3])
  if (match === null || port > 65_535) {
    throw new UsageError(`--listen is [HOST:]PORT, not ${JSON.stringify(text)}`)
  }
  const host = match[1] ?? match[2]
  return { host: host === undefined || host === '' ? '127.0.0.1' : host, port }
}
