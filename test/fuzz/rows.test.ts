import { describe, expect, test } from 'vitest'
import { codecOf, Row, RowShape } from '../../src/codec/index.ts'
import { DecodeError, ProtocolError } from '../../src/errors/index.ts'
import { WireReader, WireWriter } from '../../src/protocol/index.ts'
import { type ColumnSpec, type CqlType, Duration, nativeTypes } from '../../src/types/index.ts'
import { createRandom } from '../../src/util/index.ts'

const t = nativeTypes
const types: CqlType[] = [
  t.int,
  t.text,
  t.uuid,
  t.timestamp,
  t.duration,
  {
    kind: 'map',
    key: t.text,
    value: { kind: 'list', element: t.varint, frozen: false },
    frozen: false,
  },
  { kind: 'vector', element: t.text, dimension: 2 },
  { kind: 'tuple', elements: [t.int, t.decimal] },
]
const columns: ColumnSpec[] = types.map((type, i) => ({
  keyspace: 'k',
  table: 't',
  name: `c${i}`,
  type,
}))
const values = [
  7,
  'text',
  '12345678-1234-1234-1234-123456789abc',
  new Date(0),
  new Duration(1, 2, 3n),
  new Map([['k', [1n, 2n ** 70n]]]),
  ['a', 'bc'],
  [1, '1.5'],
]

/** The cells of the rows, or the code of the error they gave. */
function outcome(shape: RowShape, bytes: Uint8Array, rowCount: number): unknown {
  try {
    return shape.decodeRows(new WireReader(bytes), rowCount).map((row) => Row.columns(row))
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof DecodeError) return error.code
    throw error
  }
}

describe('whatever bytes a page has', () => {
  test('both kinds of row decoders give the same rows or the same kind of error', () => {
    const random = createRandom(7)
    const writer = new WireWriter(64)
    for (let r = 0; r < 3; r++) {
      types.forEach((type, i) => codecOf(type).writeCell(writer, values[i]))
    }
    const page = writer.copyFrom(0)
    const generated = new RowShape(columns)
    const keyed = new RowShape(columns, { codeGeneration: false })
    let decoded = 0
    for (let i = 0; i < 15_000; i++) {
      const bytes = Uint8Array.from(page)
      for (let change = Math.floor(random() * 3); change > 0; change--) {
        bytes[Math.floor(random() * bytes.length)] = random() < 0.5 ? 0xff : random() * 256
      }
      const input = random() < 0.2 ? bytes.subarray(0, random() * bytes.length) : bytes
      const result = outcome(generated, input, 3)
      expect(outcome(keyed, input, 3)).toEqual(result)
      if (typeof result !== 'string') decoded++
    }
    expect(decoded).toBeGreaterThan(1000)
  })
})
