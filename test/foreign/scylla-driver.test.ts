import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { embedded } from '../../src/embedded.ts'
import { pythonWithDriver } from './python.ts'

const run = promisify(execFile)
const script = fileURLToPath(new URL('scylla_driver.py', import.meta.url))
const drivers = ['scylla-driver==3.29.12', 'cassandra-driver==3.30.1'] as const
const pythons = await Promise.all(
  drivers.map(async (driver) => ({ driver, installed: await pythonWithDriver(driver) })),
)
for (const { driver, installed } of pythons) {
  if ('missing' in installed) {
    console.warn(`Tests of the Python ${driver} are skipped: ${installed.missing}`)
  }
}

describe.each(pythons)('Python $driver on a served engine', ({ installed }) => {
  if ('missing' in installed) {
    test.skip('the driver is not installed', () => {})
    return
  }
  let report: Record<string, unknown>

  beforeAll(async () => {
    const database = await embedded()
    const guarded = await embedded({ user: 'ada', password: 'lovelace' })
    const open = await database.listen({ port: 0 })
    const { port } = await guarded.listen({ port: 0 })
    try {
      const argv = [script, open.host, String(open.port), String(port)]
      const { stdout } = await run(installed.python, argv, { timeout: 120_000 })
      report = JSON.parse(stdout.trim().split('\n').at(-1)!)
    } finally {
      await database.close()
      await guarded.close()
    }
  })

  test('negotiates version 4 and finds the node', () => {
    expect(report).toMatchObject({
      protocol: true,
      beta: true,
      hosts: [['datacenter1', 'rack1', '5.0.9']],
      partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
      host_id: true,
    })
  })

  test('reads the metadata of tables, types and the virtual keyspaces', () => {
    expect(report['table']).toMatchObject({
      partition: ['id'],
      clustering: [['seq', true]],
      static: ['fixed'],
      comment: 'every kind',
      types: {
        e: 'decimal',
        home: 'frozen<address>',
        t: 'map<text, int>',
        u: 'frozen<tuple<int, text>>',
      },
    })
    expect(report).toMatchObject({ type: ['street', 'zip'], virtual: true, recreated: true })
  })

  test('prepares, and brings every kind of value there and back', () => {
    expect(report).toMatchObject({
      routing: [0],
      different: [],
      collections: [[3, 1, 2], ['x', 'y'], { k: 7 }, ['high street', 12]],
      times: ['2026-02-28', '23:59:59.999999000'],
      kept: true,
      named: 2,
    })
  })

  test('pages', () => {
    expect(report['pages']).toEqual([20, true, 250])
  })

  test('executes batches and conditional statements', () => {
    expect(report).toMatchObject({ batched: [0, 1, 2, 3], applied: [true, false] })
  })

  test('hears of schema changes another client makes', () => {
    expect(report['heard']).toBe(true)
  })

  test('errors come with code and message', () => {
    expect(report['error']).toContain('table nowhere does not exist')
  })

  test('traces of a request can be read', () => {
    expect(report['trace']).toEqual(['Execute CQL3 query', true])
  })

  test('logs in, and is refused with the wrong password', () => {
    expect(report).toMatchObject({ login: 'local', refused: true })
  })
})
