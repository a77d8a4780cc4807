import { createHash } from 'node:crypto'
import { encodeValue } from '../../codec/index.ts'
import {
  type CqlType,
  Decimal,
  Duration,
  Inet,
  LocalDate,
  LocalTime,
  nativeTypes,
  TimeUuid,
} from '../../types/index.ts'
import { asBuffer } from '../../util/index.ts'
import { invalid } from '../errors.ts'
import { isAssignable } from './assignable.ts'
import type { Cell } from './definitions.ts'
import { anyType, fixedType, type Generic, optional, sameAs } from './generics.ts'
import {
  collectionBytes,
  concatCells,
  int32Of,
  textBytes,
  vectorBytes,
} from '../../values/index.ts'

/*
 * Functions that mask data (org.apache.cassandra.cql3.functions.masking).
 */

const maskedText = '****'
const zeroUuid: Uint8Array = new Uint8Array(16)

/** Returns the default mask of a type; for a tuple, a tuple of the masks of its components. */
function defaultMask(type: CqlType): Uint8Array {
  switch (type.kind) {
    case 'ascii':
    case 'text':
      return textBytes(maskedText)
    case 'blob':
      return new Uint8Array(0)
    case 'boolean':
      return new Uint8Array(1)
    case 'tinyint':
    case 'smallint':
    case 'int':
    case 'bigint':
    case 'counter':
    case 'varint':
    case 'float':
    case 'double':
    case 'timestamp':
      return encodeValue(type, 0)
    case 'decimal':
      return encodeValue(type, new Decimal(0n, 0))
    case 'uuid':
      return zeroUuid
    case 'timeuuid':
      return TimeUuid.min(new Date(0)).toBytes()
    case 'date':
      return encodeValue(type, LocalDate.fromDays(0))
    case 'time':
      return encodeValue(type, LocalTime.fromNanoseconds(0n))
    case 'duration':
      return encodeValue(type, new Duration(0, 0, 0n))
    case 'inet':
      return encodeValue(type, Inet.parse('0.0.0.0'))
    case 'list':
    case 'set':
    case 'map':
      return collectionBytes([], 0)
    case 'tuple':
      return concatCells(type.elements.map(defaultMask))
    case 'udt':
      return concatCells(type.fields.map((field) => defaultMask(field.type)))
    case 'vector': {
      const element = defaultMask(type.element)
      return vectorBytes(Array<Uint8Array>(type.dimension).fill(element), type.element)
    }
    case 'custom':
      throw invalid(`There is no default mask of the type ${type.className}`)
  }
}

const maskNull: Generic = {
  parameters: [anyType(false)],
  requiredCount: 1,
  make: (_name, types) => ({ returns: types[0]!, args: types, call: () => null }),
}

const maskDefault: Generic = {
  parameters: [anyType(false)],
  requiredCount: 1,
  make(_name, types) {
    const mask = defaultMask(types[0]!)
    return { returns: types[0]!, args: types, call: () => mask }
  },
}

const maskReplace: Generic = {
  parameters: [anyType(true), sameAs(0, anyType(true))],
  requiredCount: 2,
  make: (_name, types) => ({
    returns: types[0]!,
    args: [types[0]!, types[0]!],
    call: ([, replacement = null]) => replacement,
  }),
}

const textual = fixedType(
  '[text|varchar|ascii]',
  [nativeTypes.text, nativeTypes.ascii],
  isAssignable,
)
const int = fixedType('int', [nativeTypes.int], isAssignable)
const text = fixedType('text', [nativeTypes.text], isAssignable)

const loneSurrogates = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** Replaces the characters between two margins (inner), or those in the margins (outer). */
function partialMask(masksInner: boolean): Generic {
  return {
    parameters: [textual, int, int, optional(text)],
    requiredCount: 3,
    make: (name, types) => ({
      returns: types[0]!,
      args: types,
      call([value = null, begin = null, end = null, padding = null]) {
        if (value === null) return null
        const pad = paddingOf(name, padding)
        const start = marginOf(begin)
        const characters = asBuffer(value).toString()
        const last = characters.length - 1 - marginOf(end)
        let masked = ''
        for (let i = 0; i < characters.length; i++) {
          const isInner = i >= start && i <= last
          masked += isInner === masksInner ? pad : characters.charAt(i)
        }
        // Java's encoder writes a lone surrogate as a question mark.
        return textBytes(masked.replace(loneSurrogates, '?'))
      },
    }),
  }
}

function marginOf(cell: Cell): number {
  return cell === null || cell.length === 0 ? 0 : int32Of(cell)
}

function paddingOf(name: string, cell: Cell): string {
  if (cell === null) return '*'
  const padding = asBuffer(cell).toString()
  if (padding.length === 1) return padding
  throw invalid(
    `The padding argument for function system.${name} should be single-character, but '${padding}' has ${padding.length} characters.`,
  )
}

/** Node's names of hash algorithms, by the names of MessageDigest without hyphens. */
const hashAlgorithms: { readonly [name: string]: string | undefined } = {
  MD5: 'md5',
  SHA: 'sha1',
  SHA1: 'sha1',
  SHA224: 'sha224',
  SHA256: 'sha256',
  SHA384: 'sha384',
  SHA512: 'sha512',
  'SHA512/224': 'sha512-224',
  'SHA512/256': 'sha512-256',
  SHA3224: 'sha3-224',
  SHA3256: 'sha3-256',
  SHA3384: 'sha3-384',
  SHA3512: 'sha3-512',
}

function hashAlgorithm(cell: Cell): string {
  const name = cell === null ? 'SHA-256' : asBuffer(cell).toString()
  const algorithm = hashAlgorithms[name.toUpperCase().replaceAll('-', '')]
  if (algorithm === undefined) throw invalid(`Hash algorithm not found: ${name}`)
  return algorithm
}

const maskHash: Generic = {
  parameters: [anyType(false), optional(text)],
  requiredCount: 1,
  make: (_name, types) => ({
    returns: nativeTypes.blob,
    args: types,
    call([value = null, algorithm = null]) {
      const name = hashAlgorithm(algorithm)
      return value === null ? null : createHash(name).update(value).digest()
    },
  }),
}

/** Functions of data masking by name. */
export const maskFunctions: readonly (readonly [string, Generic])[] = [
  ['mask_null', maskNull],
  ['mask_default', maskDefault],
  ['mask_replace', maskReplace],
  ['mask_inner', partialMask(true)],
  ['mask_outer', partialMask(false)],
  ['mask_hash', maskHash],
]
