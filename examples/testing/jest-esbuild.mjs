/** Turns TypeScript into JavaScript for Jest. */
import { transformSync } from 'esbuild'

export default {
  process(code, path, { supportsStaticESM }) {
    const format = supportsStaticESM ? 'esm' : 'cjs'
    const options = { loader: 'ts', target: 'node20', sourcemap: 'inline', sourcefile: path }
    return { code: transformSync(code, { ...options, format }).code }
  },
}
