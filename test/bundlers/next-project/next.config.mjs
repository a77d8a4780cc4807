import { fileURLToPath } from 'node:url'

const handler = fileURLToPath(new URL('cache-handler.mjs', import.meta.url))
const components = { cacheComponents: true, partialPrefetching: true }
// With `cacheComponents` pages could not say when they are made anew.
const pages = { experimental: { useCache: true } }

/** Two applications: that of the files `*.components.js`, and that of the others. */
export default {
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  cacheHandler: handler,
  cacheHandlers: { default: handler, remote: handler },
  cacheMaxMemorySize: 0,
  images: { customCacheHandler: true },
  ...(process.env.APPLICATION === 'components'
    ? { ...components, distDir: '.next-components', pageExtensions: ['components.js'] }
    : { ...pages, pageExtensions: ['js'] }),
}
