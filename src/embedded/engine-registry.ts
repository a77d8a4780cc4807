import { realpath } from 'node:fs/promises'
import { makeDirectory } from '../engine/index.ts'
import { StorageError } from '../errors/index.ts'
import { type EngineSettings, openEngine, type OpenEngine } from './open-engine.ts'

/** An engine on a path, and how many hold it. */
interface SharedEngine {
  readonly engine: Promise<OpenEngine>
  holderCount: number
}

/** One set for the process: the ESM and the CJS build share it. */
const registryKey: unique symbol = Symbol.for('tsylla.engines/1')
type Registry = Map<string, SharedEngine>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  holder[registryKey] ??= new Map()
  return holder[registryKey]
}

/** A share in an engine; the last one given back closes it. */
export interface EngineShare {
  readonly engine: OpenEngine
  readonly release: () => Promise<void>
}

/** The directory of a path, made when it is missing, without links. @throws StorageError */
export async function realPathOf(path: string): Promise<string> {
  try {
    await makeDirectory(path)
    return await realpath(path)
  } catch (cause) {
    throw new StorageError(`Cannot use ${path} as a directory`, 'not_applied', { cause })
  }
}

/** Opens the engine of a path, or takes a share in the one that is open there. */
export async function shareEngine(path: string): Promise<EngineShare> {
  const engines = registry()
  const key = await realPathOf(path)
  for (;;) {
    const shared = engines.get(key) ?? open(engines, key, settingsOf(key))
    shared.holderCount++
    const engine = await shared.engine
    // Its owner, or the last holder, may have closed it while it was waited for.
    if (!engine.isClosed) return { engine, release: () => giveBack(engines, key, shared) }
    if (engines.get(key) === shared) engines.delete(key)
    await engine.close()
  }
}

/**
 * Opens an engine with an owner of its own. Sessions on its path share it while it is open.
 * @throws EngineLockedError also when this process has the path open already
 */
export async function openOwned(settings: EngineSettings): Promise<OpenEngine> {
  if (settings.path === undefined) return await openEngine(settings)
  const engines = registry()
  const key = await realPathOf(settings.path)
  if (engines.has(key)) return await openEngine({ ...settings, path: key })
  const shared = open(engines, key, { ...settings, path: key })
  // The share of the owner is never released: only the owner closes the engine.
  shared.holderCount++
  return await shared.engine
}

/** The owner has closed the engine: the path is free. */
export async function forgetOwned(closed: OpenEngine): Promise<void> {
  const engines = registry()
  const { path } = closed.settings
  const shared = path === undefined ? undefined : engines.get(path)
  if (path === undefined || shared === undefined || (await shared.engine) !== closed) return
  if (engines.get(path) === shared) engines.delete(path)
}

function settingsOf(path: string): EngineSettings {
  return { path, durability: undefined, clock: undefined, credentials: undefined }
}

function open(engines: Registry, key: string, settings: EngineSettings): SharedEngine {
  const shared: SharedEngine = { engine: openEngine(settings), holderCount: 0 }
  engines.set(key, shared)
  shared.engine.catch(() => {
    if (engines.get(key) === shared) engines.delete(key)
  })
  return shared
}

async function giveBack(engines: Registry, key: string, shared: SharedEngine): Promise<void> {
  if (--shared.holderCount > 0) return
  const engine = await shared.engine
  await engine.close()
  // Until the lock is released a new holder waits for this engine instead of failing on it.
  if (engines.get(key) === shared) engines.delete(key)
}
