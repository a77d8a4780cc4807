import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDiskStore, ValueRef, WriteBatch } from '../../../src/engine/storage/index.ts'
import { DiskStore } from '../../../src/engine/storage/disk-store.ts'

/** Mounts a file system of 8 MB; false where this process may not. */
function mountSmallDisk(path: string): boolean {
  if (process.platform !== 'linux') return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const probe = mkdtempSync(join(tmpdir(), 'tsylla-'))
const canMount = mountSmallDisk(probe)
if (canMount) execFileSync('umount', [probe])
rmSync(probe, { recursive: true })

let disk: string
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'tsylla-'))
})

function put(store: DiskStore, key: string, value: Uint8Array): Promise<void> {
  const batch = new WriteBatch()
  batch.put(key, value)
  store.write(batch)
  return store.commit()
}

function sizeOf(store: DiskStore, key: string): number | undefined {
  const value = new ValueRef()
  return store.get(key, value) ? value.end - value.start : undefined
}

/** Fills the disk to the last byte. */
function fill(): void {
  for (const bytes of [1 << 20, 1 << 14, 1]) {
    try {
      for (let i = 0; ; i++) writeFileSync(join(disk, `filler-${bytes}-${i}`), Buffer.alloc(bytes))
    } catch {
      continue
    }
  }
}

function makeRoom(): void {
  for (const name of readdirSync(disk)) if (name.startsWith('filler')) rmSync(join(disk, name))
}

const storageError = { code: 'TSYLLA_ENGINE_STORAGE', name: 'StorageError' }

describe.skipIf(!canMount)('on a full disk (needs permission to mount one)', () => {
  beforeEach(() => {
    mountSmallDisk(disk)
  })
  afterEach(() => {
    execFileSync('umount', [disk])
    rmSync(disk, { recursive: true, force: true })
  })

  test.each(['fsync', 'os'] as const)(
    'durability %s: a write is a typed error, and once there is room everything goes on',
    async (durability) => {
      const store = await openDiskStore(join(disk, 'data'), durability)
      await put(store, 'a', Buffer.alloc(100))
      fill()
      const failed = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) => put(store, `big${i}`, Buffer.alloc(200_000))),
      )
      for (const outcome of failed) expect(outcome).toMatchObject({ reason: storageError })
      // What is written stays readable, and so does what the file has.
      expect([sizeOf(store, 'a'), sizeOf(store, 'big7')]).toEqual([100, 200_000])
      await expect(put(store, 'b', Buffer.alloc(200_000))).rejects.toMatchObject(storageError)
      makeRoom()
      await put(store, 'c', Buffer.alloc(1))
      await store.close()
      const again = await openDiskStore(join(disk, 'data'), durability)
      const keys = ['a', 'b', 'c', 'big0', 'big7']
      expect(keys.map((key) => sizeOf(again, key))).toEqual([100, 200_000, 1, 200_000, 200_000])
      await again.close()
    },
  )

  test('a store that is closed while the disk is full says so, and releases its directory', async () => {
    const path = join(disk, 'data')
    const store = await openDiskStore(path)
    await put(store, 'a', Buffer.alloc(100))
    fill()
    await expect(put(store, 'b', Buffer.alloc(200_000))).rejects.toMatchObject(storageError)
    await expect(store.close()).rejects.toMatchObject(storageError)
    makeRoom()
    const again = await openDiskStore(path)
    expect([sizeOf(again, 'a'), sizeOf(again, 'b')]).toEqual([100, undefined])
    await again.close()
  })

  test('opening is a typed error that leaves nothing behind, whether the store is new or not', async () => {
    const path = join(disk, 'data')
    const store = await openDiskStore(path)
    await put(store, 'a', Buffer.alloc(100))
    await store.close()
    const before = readdirSync(path)
    fill()
    for (let round = 0; round < 3; round++) {
      await expect(openDiskStore(path)).rejects.toMatchObject(storageError)
      await expect(openDiskStore(join(disk, 'new'))).rejects.toMatchObject(storageError)
    }
    expect(readdirSync(path)).toEqual(before)
    makeRoom()
    const again = await openDiskStore(path)
    expect(sizeOf(again, 'a')).toBe(100)
    await again.close()
  })

  test('opening on a read-only disk is a typed error that leaves nothing behind', async () => {
    const path = join(disk, 'data')
    await (await openDiskStore(path)).close()
    const before = readdirSync(path)
    execFileSync('mount', ['-o', 'remount,ro', disk])
    await expect(openDiskStore(path)).rejects.toMatchObject(storageError)
    await expect(openDiskStore(join(disk, 'new'))).rejects.toMatchObject(storageError)
    expect(readdirSync(path)).toEqual(before)
  })
})

describe('a data file that was cut off', () => {
  afterEach(() => {
    rmSync(disk, { recursive: true, force: true })
  })

  test('is a typed error, unless nothing refers to what is missing', async () => {
    const store = await openDiskStore(disk, 'os')
    for (let i = 0; i < 40; i++) {
      await put(store, `key${i}`, Buffer.alloc(i % 10 === 0 ? 20_000 : 500, i))
    }
    await store.close()
    const path = join(disk, 'data.mdb')
    const whole = readFileSync(path)
    let openCount = 0
    for (let end = whole.length; end > 0; end -= 2048) {
      writeFileSync(path, whole.subarray(0, end))
      const opened = await openDiskStore(disk).catch((error: unknown) => error)
      if (opened instanceof DiskStore) {
        openCount++
        for (let i = 0; i < 40; i++) expect(sizeOf(opened, `key${i}`)).toBeGreaterThan(0)
        await opened.close()
      } else {
        expect(opened).toMatchObject({
          ...storageError,
          message: expect.stringContaining('was cut off') as string,
        })
      }
    }
    expect(openCount).toBeGreaterThan(0)
    expect(openCount).toBeLessThan(10)
  })

  test('an empty one is a new store', async () => {
    writeFileSync(join(disk, 'data.mdb'), '')
    const store = await openDiskStore(disk)
    await put(store, 'a', Buffer.alloc(1))
    await store.close()
  })
})
