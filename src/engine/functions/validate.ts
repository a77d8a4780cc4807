import { isAscii, isUtf8 } from 'node:buffer'
import { type CqlType, cqlTypeText, type VectorType } from '../../types/index.ts'
import { splitCollection, splitFields, splitVector } from '../encode/index.ts'
import { invalid } from '../faults.ts'

/** Value lengths besides 0, with the words of the type's serializer. */
const fixedLengths: {
  readonly [kind: string]: { readonly bytes: number; readonly text: string } | undefined
} = {
  int: { bytes: 4, text: 'Expected 4 or 0 byte int' },
  bigint: { bytes: 8, text: 'Expected 8 or 0 byte long' },
  counter: { bytes: 8, text: 'Expected 8 or 0 byte long' },
  timestamp: { bytes: 8, text: 'Expected 8 or 0 byte long for date' },
  float: { bytes: 4, text: 'Expected 4 or 0 byte value for a float' },
  double: { bytes: 8, text: 'Expected 8 or 0 byte value for a double' },
  boolean: { bytes: 1, text: 'Expected 1 or 0 byte value' },
  uuid: { bytes: 16, text: 'UUID should be 16 or 0 bytes' },
  timeuuid: { bytes: 16, text: 'TimeUUID should be 16 or 0 bytes' },
}

/** Types that have no empty value. */
const strictLengths: {
  readonly [kind: string]: { readonly bytes: number; readonly text: string } | undefined
} = {
  tinyint: { bytes: 1, text: 'Expected 1 byte for a tinyint' },
  smallint: { bytes: 2, text: 'Expected 2 bytes for a smallint' },
  date: { bytes: 4, text: 'Expected 4 byte long for date' },
  time: { bytes: 8, text: 'Expected 8 byte long for time' },
}

/** Whether a vector stores such elements without their lengths. */
export function isFixedWidth(type: CqlType): boolean {
  if (type.kind === 'vector') return isFixedWidth(type.element)
  return ['boolean', 'int', 'float', 'bigint', 'double', 'timestamp', 'uuid', 'timeuuid'].includes(
    type.kind,
  )
}

/** Checks a bound value's bytes as TypeSerializer.validate does. @throws ServerError */
export function validateValue(type: CqlType, value: Uint8Array, allowsNullElements = false): void {
  const { length } = value
  const fixed = fixedLengths[type.kind]
  if (fixed !== undefined) {
    if (length !== 0 && length !== fixed.bytes) throw invalid(`${fixed.text} (${length})`)
    if (type.kind === 'timeuuid' && length === 16 && value[6]! >> 4 !== 1) {
      throw invalid(`Invalid version for TimeUUID type: 0x${(value[6]! >> 4).toString(16)}`)
    }
    return
  }
  switch (type.kind) {
    case 'text':
      if (!isUtf8(value)) throw invalid("String didn't validate.")
      return
    case 'ascii':
      if (!isAscii(value)) throw invalid('Invalid byte for ascii')
      return
    case 'inet':
      if (length !== 0 && length !== 4 && length !== 16) {
        throw invalid(`Expected 4 or 16 byte inetaddress; got ${length}`)
      }
      return
    case 'list':
    case 'set':
    case 'map':
    case 'tuple':
    case 'udt':
    case 'vector':
      return validateParts(type, value, allowsNullElements)
    default: {
      const strict = strictLengths[type.kind]
      if (strict !== undefined && length !== strict.bytes) {
        throw invalid(`${strict.text} (${length})`)
      }
    }
  }
}

function validateParts(type: CqlType, value: Uint8Array, allowsNulls: boolean): void {
  switch (type.kind) {
    case 'list':
    case 'set':
      return checkElements(value, allowsNulls, () => type.element)
    case 'map':
      return checkElements(value, allowsNulls, (index) => (index % 2 === 0 ? type.key : type.value))
    case 'tuple':
      return checkFields(value, type.elements, 'tuple')
    case 'udt':
      return checkFields(
        value,
        type.fields.map((field) => field.type),
        'UDT',
      )
    case 'vector':
      return checkVector(type, value)
    default:
      return
  }
}

function checkElements(
  value: Uint8Array,
  allowsNulls: boolean,
  typeAt: (index: number) => CqlType,
): void {
  if (value.length < 4) throw invalid('Not enough bytes to read a list')
  splitCollection(value).forEach((element, index) => {
    if (element === undefined) {
      if (allowsNulls) return
      throw invalid('null is not supported inside collections')
    }
    validateValue(typeAt(index), element)
  })
}

function checkFields(value: Uint8Array, types: readonly CqlType[], what: string): void {
  const fields = splitFields(value)
  if (fields.length > types.length) {
    throw invalid(`Invalid remaining data after end of ${what} value`)
  }
  fields.forEach((field, index) => {
    if (field !== undefined && field.length > 0) validateValue(types[index]!, field)
  })
}

function checkVector(type: VectorType, value: Uint8Array): void {
  const elements = splitVector(value, type.element)
  const last = elements.at(-1)
  const width = fixedLengths[type.element.kind]?.bytes
  const isCut = width !== undefined && last !== undefined && last.length < width
  if (elements.length < type.dimension || isCut) {
    throw invalid(`Not enough bytes to read a ${cqlTypeText(type)}`)
  }
  if (elements.length > type.dimension) {
    throw invalid(`Unexpected extraneous bytes after ${cqlTypeText(type)} value`)
  }
  for (const element of elements) if (element !== undefined) validateValue(type.element, element)
}
