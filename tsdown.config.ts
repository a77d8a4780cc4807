import { defineConfig, type UserConfig } from 'tsdown'

const config: UserConfig | UserConfig[] = defineConfig({
  entry: {
    index: 'src/index.ts',
    patterns: 'src/patterns.ts',
    embedded: 'src/embedded.ts',
    cli: 'src/cli/main.ts',
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  dts: true,
  clean: true,
  sourcemap: false,
  fixedExtension: true,
  deps: { neverBundle: ['lmdb', 'lz4-napi', 'snappy', 'sorted-btree'] },
})

export default config
