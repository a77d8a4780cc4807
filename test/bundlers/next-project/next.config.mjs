import { fileURLToPath } from 'node:url'

const handler = fileURLToPath(new URL('cache-handler.mjs', import.meta.url))

export default {
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  cacheHandler: handler,
  cacheHandlers: { default: handler, remote: handler },
  cacheMaxMemorySize: 0,
  images: { customCacheHandler: true },
  // With `cacheComponents` pages could not say when they are made anew.
  experimental: { useCache: true },
}
