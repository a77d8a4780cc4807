import { parseArgs } from 'node:util'

/** A command line that cannot be understood; the message is for whoever typed it. */
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
    }

export const usage = `tsylla: ScyllaDB and Apache Cassandra for TypeScript

Usage: tsylla serve [--listen HOST:PORT] [--path DIRECTORY]

Commands:
  serve                 answer CQL drivers and cqlsh from the embedded engine

Options:
  --listen HOST:PORT    where to listen (default 127.0.0.1:9042; port 0 takes any)
  --path DIRECTORY      keep the data there (default: in memory)
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
  return { name: 'serve', ...parseListen(values.listen ?? ''), path: values.path }
}

interface Values {
  readonly listen?: string
  readonly path?: string
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
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** `host`, `host:port`, `:port`, `[v6]`, `[v6]:port`. */
function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]*))(?::(\d+))?$/i.exec(text)
  const port = match?.[3] === undefined ? 9042 : Number(match[3])
  if (match === null || port > 65_535) {
    throw new UsageError(`--listen is HOST:PORT, not ${JSON.stringify(text)}`)
  }
  const host = match[1] ?? match[2]
  return { host: host === undefined || host === '' ? '127.0.0.1' : host, port }
}
