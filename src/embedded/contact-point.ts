import { ConfigError } from '../errors/index.ts'
import type { Endpoint } from '../transport/index.ts'
import { EngineEndpoint } from './engine-endpoint.ts'
import { shareEngine } from './engine-registry.ts'
import { openEngine } from './open-engine.ts'

const scheme = 'embedded:'

/**
 * The way to an engine by its contact point. `embedded:` opens one in memory that ends with its
 * session; `embedded:PATH` shares one per directory in this process, which ends with the last
 * session.
 * @throws EngineLockedError, DependencyMissingError, StorageError, ConfigError
 */
export async function openEmbeddedEndpoint(contactPoint: string): Promise<Endpoint> {
  const path = contactPoint.startsWith(scheme) ? contactPoint.slice(scheme.length) : contactPoint
  if (path.startsWith('//')) {
    // Written as a URL, and a directory in the root of the file system is unlikely to be intended.
    throw new ConfigError(
      `${JSON.stringify(contactPoint)} is no URL: 'embedded:' is in memory, 'embedded:./data' a directory`,
    )
  }
  if (path !== '') {
    const { engine, release } = await shareEngine(path)
    return new EngineEndpoint(contactPoint, engine, release)
  }
  const engine = await openEngine({
    path: undefined,
    durability: undefined,
    clock: undefined,
    credentials: undefined,
  })
  return new EngineEndpoint(contactPoint, engine, () => engine.close())
}
