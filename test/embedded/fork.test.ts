import { expect, test } from 'vitest'
import { OpenEngine } from '../../src/embedded/open-engine.ts'
import { DiskStore } from '../../src/engine/storage/disk-store.ts'
import { WriteBatch } from '../../src/engine/storage/index.ts'
import { ScriptedFile } from '../engine/storage/support/scripted-file.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a fork of a database on disk waits for the commit of what it holds', async () => {
  const file = new ScriptedFile()
  const store = new DiskStore(file, 'fsync')
  const settings = { path: 'data', durability: undefined, clock: undefined, credentials: undefined }
  const engine = new OpenEngine(store, settings)
  const batch = new WriteBatch()
  batch.put('key', Buffer.from('value'))
  store.write(batch)
  let isForked = false
  const forking = engine.fork().then((fork) => {
    isForked = true
    return fork
  })
  for (let i = 0; i < 10; i++) await turn()
  expect(isForked).toBe(false)
  const commitAll = async (): Promise<void> => {
    for (const commit of file.commits) commit.succeed()
    await turn()
  }
  while (!isForked) await commitAll()
  await (await forking).close()
  const closing = engine.close()
  for (let i = 0; i < 10; i++) await commitAll()
  await closing
})
