import { openDiskStore, WriteBatch } from '../../../../src/engine/storage/index.ts'

/** 64 writers that report every acknowledged write on stdout, until the process is killed. */
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

await Promise.all(Array.from({ length: 64 }, (_, writer) => write(writer)))
