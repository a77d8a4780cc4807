import { availableParallelism } from 'node:os'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const shared = {
  pool: 'forks',
  maxWorkers: availableParallelism(),
  testTimeout: 30_000,
  hookTimeout: 180_000,
  setupFiles: ['test/support/seed.ts'],
}

/** Tests on Cassandra. They run after all others, which leaves it the time to start. */
const onServers = {
  setupFiles: [...shared.setupFiles, 'test/support/cassandra-ready.ts'],
  globalSetup: ['test/support/servers.ts'],
  sequence: { groupOrder: 1 },
}

/** Tests that take long: they run in `npm run test:all`, which CI does. */
const long = 'test/**/*.long.test.ts'

/**
 * Tests on servers that observe all requests of their process. Each has a process of its own: what
 * other tests have left, such as a lease that is extended, would be observed too.
 */
const observers = ['test/session/channels.test.ts', 'test/adapters/otel.test.ts']

/** Rooms tested alone, each folder mirroring its room of `src/`. */
const units = [
  'bulk',
  'cli',
  'cloud',
  'cluster',
  'codec',
  'cql',
  'embedded',
  'engine',
  'errors',
  'fuzz',
  'kernel',
  'observability',
  'policies',
  'protocol',
  'routing',
  'simulation',
  'testing',
  'transport',
  'types',
  'util',
  'values',
]

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      { test: { ...shared, name: 'tidy', include: ['test/tidy/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          name: 'unit',
          // Modules of `src` are loaded once per worker instead of once per file.
          isolate: false,
          include: units.map((room) => `test/${room}/**/*.test.ts`),
          exclude: [long],
        },
      },
      { test: { ...shared, name: 'package', include: ['test/package/**/*.test.ts'] } },
      { test: { ...shared, name: 'docs', include: ['test/docs/**/*.test.ts'] } },
      {
        test: {
          ...shared,
          ...onServers,
          name: 'servers',
          isolate: false,
          include: [
            'test/*.test.ts',
            'test/{behaviour,session,patterns,adapters,differential,foreign,bad-input}/**/*.test.ts',
          ],
          exclude: [long, ...observers],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          ...onServers,
          name: 'observers',
          include: observers,
          testTimeout: 60_000,
        },
      },
      // The following run in `npm run test:all` only. Cassandra speaks version 5 of the protocol
      // elsewhere, and version 4 here.
      {
        test: {
          ...shared,
          ...onServers,
          name: 'servers-v4',
          isolate: false,
          include: ['test/{behaviour,session}/**/*.test.ts'],
          exclude: [long],
          testTimeout: 60_000,
          provide: { protocolVersionMax: 4 },
        },
      },
      // Bundlers come from the package registry.
      { test: { ...shared, name: 'bundlers', include: ['test/bundlers/*.test.ts'] } },
      // Runtimes do, too. Each runs tests on all cores, so nothing else runs meanwhile.
      {
        test: {
          ...shared,
          ...onServers,
          name: 'runtimes',
          include: ['test/runtimes/*.test.ts'],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...shared,
          ...onServers,
          name: 'long',
          include: [long],
          testTimeout: 120_000,
        },
      },
    ],
    coverage: { include: ['src/**'], reporter: ['text-summary', 'json-summary'] },
  },
})

export default config
