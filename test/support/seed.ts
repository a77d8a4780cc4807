import fc from 'fast-check'

/** The same cases in every run; another `TSYLLA_SEED` explores others. */
fc.configureGlobal({ seed: Number(process.env['TSYLLA_SEED'] ?? 20_261_123) })
