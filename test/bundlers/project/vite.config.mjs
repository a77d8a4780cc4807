export default {
  ssr: { noExternal: true, target: 'node' },
  build: { ssr: 'main.mjs', outDir: 'out-vite', minify: true },
}
