import type { CqlType } from '../types/index.ts'

/*
 * What is known of the values of a type without looking at them.
 */

interface NativeTraits {
  /** Bytes of every value that is not empty; `undefined` when they vary. */
  readonly length?: number
  /** Whether zero bytes are refused. */
  readonly refusesEmpty?: true
  /** Whether the length counts as varying in a vector, though it does not vary (ShortType …). */
  readonly isVariable?: true
  /** Whether zero bytes are a value like any other instead of the absence of one. */
  readonly isEmptyOrdinary?: true
}

const ordinary: NativeTraits = { isEmptyOrdinary: true }

const traitsByKind: { readonly [kind: string]: NativeTraits | undefined } = {
  ascii: ordinary,
  bigint: { length: 8 },
  blob: ordinary,
  boolean: { length: 1 },
  counter: { length: 8, isVariable: true },
  custom: ordinary,
  date: { length: 4, refusesEmpty: true, isVariable: true },
  double: { length: 8 },
  duration: { ...ordinary, refusesEmpty: true },
  float: { length: 4 },
  inet: ordinary,
  int: { length: 4 },
  smallint: { length: 2, refusesEmpty: true, isVariable: true },
  text: ordinary,
  time: { length: 8, refusesEmpty: true, isVariable: true },
  timestamp: { length: 8 },
  timeuuid: { length: 16 },
  tinyint: { length: 1, refusesEmpty: true, isVariable: true },
  uuid: { length: 16 },
}

/** Bytes of every value of a type that is not empty; `undefined` when they vary. */
export function valueLength({ kind }: CqlType): number | undefined {
  return traitsByKind[kind]?.length
}

/** Whether zero bytes are accepted as a value of the type (TypeSerializer.validate). */
export function allowsEmpty({ kind }: CqlType): boolean {
  return traitsByKind[kind]?.refusesEmpty !== true
}

/** Whether zero bytes are a value like any other instead of the absence of one. */
export function isEmptyOrdinary({ kind }: CqlType): boolean {
  return traitsByKind[kind]?.isEmptyOrdinary === true
}

/**
 * Bytes of every value of a type inside a vector, where such values have no lengths before them
 * (AbstractType.valueLengthIfFixed); `undefined` for the others.
 */
export function fixedLength(type: CqlType): number | undefined {
  if (type.kind === 'vector') {
    const element = fixedLength(type.element)
    return element === undefined ? undefined : element * type.dimension
  }
  const traits = traitsByKind[type.kind]
  return traits?.isVariable === true ? undefined : traits?.length
}

/** Whether values of a type hold elements in an order of their own. */
export function isSorted(type: CqlType): boolean {
  if (type.kind === 'list') return isSorted(type.element)
  return type.kind === 'set' || type.kind === 'map'
}
