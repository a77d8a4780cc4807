/** Compares the size of the entry points, bundled as by an application, with a budget. */
import { build } from 'esbuild'
import { basename } from 'node:path'
import { gzipSync } from 'node:zlib'

const budgets: readonly (readonly [entry: string, gzipBytesMax: number])[] = [
  ['dist/index.mjs', 116_500],
  ['dist/patterns.mjs', 157_500],
  ['dist/adapters/next.mjs', 135_500],
]

for (const [entry, gzipBytesMax] of budgets) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    outdir: 'unused',
    write: false,
    packages: 'external',
    logLevel: 'error',
  })
  // The engine is loaded when `embedded:` is first used: it is no part of the entry.
  const names = new Map(outputFiles.map((file) => [file.path, file]))
  const first = outputFiles.find(({ path }) => path.endsWith(`/${basename(entry, '.mjs')}.js`))
  if (first === undefined) throw new Error(`no bundle for ${entry}`)
  const loaded = new Set([first.path])
  for (const path of loaded) {
    const text = names.get(path)?.text ?? ''
    for (const [, target] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) {
      const found = [...names.keys()].find((name) => name.endsWith(`/${target}`))
      if (found !== undefined) loaded.add(found)
    }
  }
  const bytes = [...loaded].reduce(
    (sum, path) => sum + gzipSync(names.get(path)!.contents).length,
    0,
  )
  console.log(`${entry}: ${bytes} bytes, minified and compressed (at most ${gzipBytesMax})`)
  if (bytes > gzipBytesMax) process.exitCode = 1
}
