import webpack from 'webpack'

const compiler = webpack({
  mode: 'production',
  target: 'node20',
  entry: './main.mjs',
  context: import.meta.dirname,
  output: { path: `${import.meta.dirname}/out-webpack`, filename: 'main.cjs' },
})
compiler.run((error, stats) => {
  if (error !== null || stats.hasErrors() || stats.hasWarnings()) {
    console.error(error ?? stats.toString({ all: false, errors: true, warnings: true }))
    process.exitCode = 1
  }
  compiler.close(() => {})
})
