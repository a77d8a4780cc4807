import { defineConfig, type UserConfig } from 'tsdown'
import { adapterEntries } from './scripts/entries.ts'

const config: UserConfig | UserConfig[] = defineConfig({
  entry: {
    index: 'src/index.ts',
    patterns: 'src/patterns.ts',
    embedded: 'src/embedded.ts',
    testing: 'src/testing.ts',
    cli: 'src/cli/main.ts',
    ...Object.fromEntries(adapterEntries.map((entry) => [entry, `src/${entry}.ts`])),
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.19',
  dts: true,
  // `await using` needs types that the library of ES2022 does not have. The declarations name their
  // library, so that users need not.
  banner: { dts: '/// <reference lib="esnext.disposable" />' },
  clean: true,
  // The maps point to `src`, which the package contains once, instead of repeating it in each map.
  sourcemap: true,
  outputOptions: { sourcemapExcludeSources: true },
  fixedExtension: true,
  deps: { neverBundle: ['lmdb', 'lz4-napi', 'snappy', 'sorted-btree', 'yaml'] },
})

export default config
