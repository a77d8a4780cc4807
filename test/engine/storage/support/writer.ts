import { openDiskStore, ValueRef, WriteBatch } from '../../../../src/engine/storage/index.ts'

/**
 * 64 writers that report every acknowledged write on stdout, and readers that report what they have
 * seen of others' writes, until the process is killed.
 */
const store = await openDiskStore(process.argv[2]!, 'fsync')

async function write(writer: number): Promise<never> {
  const batch = new WriteBatch()
  for (let i = 0; ; i++) {
    batch.clear()
    batch.put(`w${writer}/${i}`, Buffer.from(`value ${i}`))
    batch.put(`last${writer}`, Buffer.from(String(i)))
    store.write(batch)
    await store.commit()
    process.stdout.write(`${writer}/${i}\n`)
  }
}

/** Reports what a read saw as an engine answers: at once, or after the commit of what it met. */
async function see(writer: number): Promise<never> {
  const value = new ValueRef()
  for (;;) {
    store.takeUncommittedRead()
    const isThere = store.get(`last${writer}`, value)
    const seen = isThere ? Buffer.from(value.bytes.subarray(value.start, value.end)).toString() : ''
    if (store.takeUncommittedRead()) await store.commit()
    else await new Promise((resolve) => setImmediate(resolve))
    if (isThere) process.stdout.write(`saw ${writer}/${seen}\n`)
  }
}

await Promise.all([
  ...Array.from({ length: 64 }, (_, writer) => write(writer)),
  ...Array.from({ length: 4 }, (_, writer) => see(writer)),
])
