import { Session, TsyllaError } from 'tsylla'
import { embedded } from 'tsylla/embedded'
import { Cache } from 'tsylla/patterns'

/** Uses each part of the package once. Returns what worked, and the error code of what did not. */
export async function exercise(path) {
  return {
    memory: await attempt(inMemory),
    disk: await attempt(() => onDisk(path)),
    lz4: await attempt(() => compressed('lz4')),
    snappy: await attempt(() => compressed('snappy')),
  }
}

async function attempt(work) {
  try {
    return await work()
  } catch (error) {
    return TsyllaError.is(error) ? error.code : String(error?.stack ?? error)
  }
}

async function inMemory() {
  const session = await Session.connect(['embedded:'], { keyspace: 'app', createKeyspace: true })
  const cache = new Cache(session)
  await cache.createTables()
  await cache.set('key', new Map([['a', 1n]]))
  const value = await cache.get('key')
  await session.close()
  return value.get('a') === 1n ? 'ok' : 'wrong'
}

async function onDisk(path) {
  const db = await embedded({ path })
  const session = await db.session({ keyspace: 'app', createKeyspace: true })
  await session.execute('CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY)')
  await session.execute('INSERT INTO t (id) VALUES (?)', [1])
  const { length } = await session.execute('SELECT * FROM t')
  await session.close()
  await db.close()
  return length === 1 ? 'ok' : 'wrong'
}

async function compressed(compression) {
  const db = await embedded()
  const listener = await db.listen({ port: 0 })
  try {
    const session = await Session.connect([listener.address], { compression })
    const { length } = await session.execute('SELECT key FROM system.local')
    await session.close()
    return length === 1 ? 'ok' : 'wrong'
  } finally {
    await listener.close()
    await db.close()
  }
}
