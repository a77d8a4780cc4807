import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type Session, SessionBuilder } from '../../src/index.ts'

/** Where a behaviour is tested. */
export interface Target {
  readonly name: 'engine' | 'cassandra'
  /** A session in a keyspace of its own, made anew for every `describe`. */
  readonly session: Session
  readonly keyspace: string
  /** Another session of the same nodes and keyspace; closed at the end. */
  open(configure?: (builder: SessionBuilder) => SessionBuilder): Promise<Session>
}

/**
 * Runs the same tests on the embedded engine and on Cassandra. Where there is no Cassandra its
 * tests count as skipped. The project `servers-v4` runs them on Cassandra alone.
 */
export function describeOnServers(name: string, define: (target: Target) => void): void {
  const cassandra = inject('cassandra')
  if (inject('protocolVersionMax') === undefined) {
    describe(`${name} · engine`, () => defineOn('engine', undefined, define))
  }
  describe.skipIf(cassandra === undefined)(`${name} · cassandra`, () =>
    defineOn('cassandra', cassandra, define),
  )
}

function defineOn(
  name: Target['name'],
  address: string | undefined,
  define: (target: Target) => void,
): void {
  const keyspace = `t_${randomBytes(6).toString('hex')}`
  // One path in memory for all sessions of a describe: they must see the same data.
  const opened: Session[] = []
  let contactPoint: string | Awaited<ReturnType<typeof openEngine>> | undefined = address
  let main: Session | undefined
  const open: Target['open'] = async (configure = (builder) => builder) => {
    contactPoint ??= await openEngine()
    const builder = new SessionBuilder()
      .knownNode(contactPoint)
      .useKeyspace(keyspace, false)
      .createKeyspace(true)
      .requestTimeout(30_000)
      .protocolVersionMax(inject('protocolVersionMax') ?? 5)
    const session = await configure(builder).build()
    opened.push(session)
    return session
  }
  beforeAll(async () => {
    main = await open()
  })
  afterAll(async () => {
    if (name === 'cassandra') await main?.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
    await Promise.all(opened.map((session) => session.close()))
    if (typeof contactPoint === 'object') await contactPoint.close()
  })
  define({
    name,
    keyspace,
    open,
    get session() {
      if (main === undefined) throw new Error('the session is there from beforeAll on')
      return main
    },
  })
}

async function openEngine() {
  const { embedded } = await import('../../src/embedded.ts')
  return await embedded()
}
