import { embedded } from '../embedded.ts'

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly path: string | undefined
  readonly print: (line: string) => void
  /** Resolves when the server is to stop. */
  readonly stopped: Promise<void>
}

/** Serves an engine until told to stop; everything acknowledged is kept. */
export async function serve(options: ServeOptions): Promise<void> {
  const { host, port, path, print, stopped } = options
  let isStopped = false
  const noted = stopped.then(() => {
    isStopped = true
  })
  const database = await embedded(path === undefined ? {} : { path })
  try {
    // It may have been told so while it opened its data.
    if (isStopped) return
    const listener = await database.listen({ host, port })
    const place = path === undefined ? 'in memory' : `in ${path}`
    print(`tsylla listens on ${listener.address}, data ${place}`)
    await noted
    print('tsylla stops')
  } finally {
    await database.close()
  }
}
