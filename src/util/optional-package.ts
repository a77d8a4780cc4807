/**
 * Imports an optional package when it is first needed. Bundlers neither follow the name nor fail
 * where the package is not installed: Node resolves it when the program runs, from the folder of
 * the bundle.
 */
export async function importPackage(name: string): Promise<object> {
  return (await import(
    /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name
  )) as object
}

/** The words of Node and Bun, then those of Deno for a package that is imported. */
const notFound = /Cannot find (?:package|module) '([^']+)'|Import "([^"]+)" not a dependency/

/**
 * Returns the package that an import did not find, as the message of the runtime names it: the
 * imported one, or one of its dependencies. `undefined` when the import failed in another way.
 */
export function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') return undefined
  const [, ofNode, ofDeno] = notFound.exec(error.message) ?? []
  return ofNode ?? ofDeno
}
