import { beforeAll, expect, test } from 'vitest'
import { Engine, MemoryStore } from '../../src/engine/index.ts'
import { type RawValue, UNSET } from '../../src/protocol/index.ts'

const engine = Engine.open({ storage: new MemoryStore() })

beforeAll(async () => {
  await engine.query("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy'}")
  await engine.query('CREATE TABLE ks.s (k int PRIMARY KEY, v int)')
  await engine.query('CREATE TABLE ks.n (k int PRIMARY KEY, c counter)')
  await engine.query(
    'CREATE TABLE ks.t (k int PRIMARY KEY, l list<int>, m map<text, int>, tp tuple<int, text>, ve vector<float, 2>)',
  )
})

const int = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex')
const listOfNull = bytes('00000001ffffffff')

/** Answers of Apache Cassandra 5.0.9; no message where it takes the values. */
const cases: [cql: string, values: RawValue[], message?: string][] = [
  ['SELECT * FROM s WHERE k = ? LIMIT ?', [int(1), null], 'Invalid null value of limit'],
  ['SELECT * FROM s WHERE k = ? LIMIT ?', [int(1), UNSET]],
  ['SELECT * FROM s WHERE k = ? LIMIT ?', [int(1), int(-5)], 'LIMIT must be strictly positive'],
  ['SELECT * FROM s WHERE k = ?', [null], 'Invalid null value in condition for column k'],
  ['SELECT * FROM s WHERE k = ?', [UNSET], 'Invalid unset value for column k'],
  ['SELECT * FROM s WHERE k = ?', [bytes('616263')], 'Expected 4 or 0 byte int (3)'],
  ['SELECT * FROM s WHERE k = ?', [bytes('')], 'Key may not be empty'],
  ['SELECT * FROM s WHERE k IN ?', [null], 'Invalid null value for column k'],
  ['SELECT * FROM s WHERE k IN ?', [listOfNull], 'Invalid null value in condition for column k'],
  ['SELECT * FROM s WHERE k IN ?', [bytes('00000000')]],
  ['INSERT INTO s (k, v) VALUES (1, 1) USING TTL ?', [null]],
  ['INSERT INTO s (k, v) VALUES (1, 1) USING TTL ?', [UNSET]],
  [
    'INSERT INTO s (k, v) VALUES (1, 1) USING TTL ?',
    [int(-1)],
    'A TTL must be greater or equal to 0, but was -1',
  ],
  [
    'INSERT INTO s (k, v) VALUES (1, 1) USING TTL ?',
    [int(700_000_000)],
    'ttl is too large. requested (700000000) maximum (630720000)',
  ],
  [
    'INSERT INTO s (k, v) VALUES (1, 1) USING TIMESTAMP ?',
    [null],
    'Invalid null value of timestamp',
  ],
  ['INSERT INTO s (k, v) VALUES (?, ?)', [int(1), bytes('')]],
  ['UPDATE n SET c = c + ? WHERE k = 1', [null], 'Invalid null value for counter increment'],
  ['UPDATE n SET c = c + ? WHERE k = 1', [UNSET]],
  [
    'UPDATE n SET c = c - ? WHERE k = 1',
    [bytes('8000000000000000')],
    'The negation of -9223372036854775808 overflows supported counter precision (signed 8 bytes integer)',
  ],
  ['UPDATE t SET l = l + ? WHERE k = 1', [null]],
  ['UPDATE t SET m[?] = 1 WHERE k = 1', [UNSET], 'Invalid unset map key'],
  ['UPDATE t SET m[?] = 1 WHERE k = 1', [null], 'Invalid null map key'],
  ['UPDATE t SET l[?] = 1 WHERE k = 1', [null], 'Invalid null value for list index'],
  ['UPDATE t SET l[?] = 1 WHERE k = 1', [UNSET], 'Invalid unset value for list index'],
  ['DELETE m[?] FROM t WHERE k = 1', [null], 'Invalid null map key'],
  ['UPDATE s SET v = 1 WHERE k = 9 IF v = ?', [UNSET], "Invalid 'unset' value in condition"],
  [
    'UPDATE s SET v = 1 WHERE k = 9 IF v > ?',
    [null],
    'Invalid comparison with null for operator ">"',
  ],
  ['UPDATE s SET v = 1 WHERE k = 9 IF v IN ?', [null], 'Invalid null list in IN condition'],
  ['SELECT * FROM s WHERE token(k) > ?', [null], 'Invalid null token value'],
  ['SELECT * FROM s WHERE token(k) > token(?)', [null], 'Invalid null token value'],
  ['SELECT * FROM s WHERE v = ? ALLOW FILTERING', [null], 'Unsupported null value for column v'],
  [
    'SELECT * FROM t WHERE m[?] = 1 ALLOW FILTERING',
    [null],
    'Unsupported null map key for column m',
  ],
  [
    'UPDATE t SET tp = ? WHERE k = 1',
    [bytes('00000004000000010000000161ffffffff')],
    'Invalid remaining data after end of tuple value',
  ],
  [
    'UPDATE t SET ve = ? WHERE k = 1',
    [bytes('61626364')],
    'Not enough bytes to read a vector<float, 2>',
  ],
]

test.each(cases)(
  '%s takes or refuses its values as Cassandra does (%#)',
  (cql, values, message) => {
    const run = () => engine.execute(engine.prepare(cql, 'ks'), values)
    if (message === undefined) expect(run).not.toThrow()
    else expect(run).toThrow(message)
  },
)
