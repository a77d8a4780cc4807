import { expect, test } from 'vitest'
import { readTypeSpec, WireReader, WireWriter, writeTypeSpec } from '../../src/protocol/index.ts'
import type { CqlType } from '../../src/types/index.ts'

const marshal = 'org.apache.cassandra.db.marshal.'

function typeOf(className: string): CqlType {
  const writer = new WireWriter(64)
  writer.writeShort(0)
  writer.writeString(className)
  return readTypeSpec(new WireReader(writer.bytes.subarray(0, writer.offset)))
}

test.each([
  ['LegacyTimeUUIDType', 'timeuuid'],
  ['TimeUUIDType', 'timeuuid'],
  ['LexicalUUIDType', 'uuid'],
  ['DateType', 'timestamp'],
])('the class %s is a %s', (className, kind) => {
  expect(typeOf(marshal + className)).toEqual({ kind })
  expect(typeOf(`${marshal}ListType(${marshal}${className})`)).toMatchObject({ element: { kind } })
})

test('a class tsylla does not know stays custom', () => {
  expect(typeOf(`${marshal}EmptyType`)).toEqual({
    kind: 'custom',
    className: `${marshal}EmptyType`,
  })
})

test('a timeuuid is written with the class of its own', () => {
  const writer = new WireWriter(64)
  writeTypeSpec(writer, { kind: 'vector', element: { kind: 'timeuuid' }, dimension: 1 })
  expect(writer.bytes.toString('latin1', 0, writer.offset)).toContain('.TimeUUIDType')
})
