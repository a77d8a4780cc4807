import { expect, test } from 'vitest'
import { type CqlType, cqlTypeText } from '../../src/types/index.ts'

// As Cassandra 5 prints frozen columns of these types in `system_schema.columns`.
test.each([
  ['address', 'frozen<address>'],
  ['Address', 'frozen<"Address">'],
  ['a"b', 'frozen<"a""b">'],
  ['select', 'frozen<"select">'],
  ['infinity', 'frozen<"infinity">'],
  ['table', 'frozen<"table">'],
  ['ttl', 'frozen<ttl>'],
  ['keys', 'frozen<keys>'],
  ['true', 'frozen<true>'],
])('the text of a user type named %s is %s', (name, text) => {
  const type: CqlType = { kind: 'udt', keyspace: 'ks', name, fields: [], frozen: true }
  expect(cqlTypeText(type)).toBe(text)
})
