import { type CqlType, cqlTypeText, nativeTypes } from '../../types/index.ts'
import { splitCollection, splitVector } from '../encode/index.ts'
import { invalid } from '../faults.ts'
import { aggregateFunction } from './aggregates.ts'
import type { Cell } from './definitions.ts'
import { collectionBytes, floatBytes, int32Bytes } from './wire.ts'

/** An argument of a function whose overload its type makes. */
export interface GenericArgument {
  readonly text: string
  /** `undefined` when nothing but its use tells. */
  readonly type: CqlType | undefined
}

/** A function made for arguments of certain types. */
export interface GenericCall {
  readonly returns: CqlType
  /** What each argument is to be, for those that have no type of their own. */
  readonly args: readonly CqlType[]
  /** Not called when an argument is null: so is the result. */
  call(values: readonly Uint8Array[]): Cell
}

interface Generic {
  /** Names of the parameters in messages. */
  readonly parameters: readonly string[]
  make(name: string, args: readonly GenericArgument[]): GenericCall
}

const numericKinds = [
  ...['tinyint', 'smallint', 'int', 'bigint', 'counter', 'varint', 'float', 'double', 'decimal'],
]

function elementsOf(bytes: Uint8Array): Uint8Array[] {
  return splitCollection(bytes) as Uint8Array[]
}

function wrongType(name: string, what: string, { text }: GenericArgument, type: CqlType): Error {
  return invalid(
    `Function system.${name} requires a ${what} argument, but found argument ${text} of type ${cqlTypeText(type)}`,
  )
}

/** A function of one argument whose type is known. */
function ofOne(
  parameter: string,
  make: (type: CqlType, fail: (what: string) => Error, name: string) => GenericCall,
): Generic {
  return {
    parameters: [parameter],
    make(name, [arg]) {
      const { type } = arg!
      if (type === undefined) throw notInferred(name, [parameter], arg!)
      return make(type, (what) => wrongType(name, what, arg!, type), name)
    },
  }
}

function notInferred(
  name: string,
  parameters: readonly string[],
  { text }: GenericArgument,
): Error {
  return invalid(
    `Cannot infer type of argument ${text} in call to function system.${name}(${parameters.join(', ')}): use type casts to disambiguate`,
  )
}

/** The keys or the values of a map (CollectionFcts.makeMapKeysFunction, makeMapValuesFunction). */
function mapPart(offset: 0 | 1): Generic {
  return ofOne('map', (type, fail) => {
    if (type.kind !== 'map') throw fail('map')
    const returns: CqlType =
      offset === 0
        ? { kind: 'set', element: type.key, frozen: false }
        : { kind: 'list', element: type.value, frozen: false }
    return {
      returns,
      args: [type],
      call([map]) {
        const parts = elementsOf(map!).filter((_part, i) => i % 2 === offset)
        return collectionBytes(parts, parts.length)
      },
    }
  })
}

const count: Generic = ofOne('collection', (type, fail) => {
  if (type.kind !== 'map' && type.kind !== 'set' && type.kind !== 'list') throw fail('collection')
  const step = type.kind === 'map' ? 2 : 1
  return {
    returns: nativeTypes.int,
    args: [type],
    call: ([value]) => int32Bytes(elementsOf(value!).length / step),
  }
})

/** An aggregate over the elements of a set or list. */
function folded(aggregate: 'min' | 'max' | 'sum' | 'avg'): Generic {
  const isNumeric = aggregate === 'sum' || aggregate === 'avg'
  return ofOne('numeric_set_or_list', (type, fail) => {
    const element = type.kind === 'set' || type.kind === 'list' ? type.element : undefined
    if (isNumeric && (element === undefined || !numericKinds.includes(element.kind))) {
      throw fail('numeric set/list')
    }
    if (element === undefined) throw fail('set or list')
    const fold = aggregateFunction(aggregate, element)
    return {
      returns: fold.returns,
      args: [type],
      call([value]) {
        const folding = fold.create()
        for (const each of elementsOf(value!)) folding.add(each)
        return folding.result()
      },
    }
  })
}

type Similarity = (a: readonly number[], b: readonly number[], name: string) => number

/** VectorFcts: two vectors of floats; one of them may take its type from the other. */
function similarity(measure: Similarity): Generic {
  const parameters = ['vector<float, n>', 'vector<float, n>']
  return {
    parameters,
    make(name, args) {
      for (const arg of args) {
        const { type } = arg
        if (type === undefined) continue
        const isVector = type.kind === 'vector' && type.element.kind === 'float'
        if (!isVector) throw wrongType(name, 'float vector', arg, type)
      }
      const known = args.find(({ type }) => type !== undefined)?.type
      if (known === undefined) throw notInferred(name, parameters, args[0]!)
      const types = args.map(({ type }) => type ?? known)
      const [a, b] = types.map((type) => (type.kind === 'vector' ? type.dimension : 0))
      if (a !== b) throw invalid('All arguments must have the same vector dimensions')
      return {
        returns: nativeTypes.float,
        args: types,
        call: ([x, y]) => floatBytes(measure(floats(x!), floats(y!), name)),
      }
    },
  }
}

function floats(bytes: Uint8Array): number[] {
  return (splitVector(bytes, nativeTypes.float) as Uint8Array[]).map((each) =>
    new DataView(each.buffer, each.byteOffset, each.byteLength).getFloat32(0),
  )
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, each, i) => sum + each * b[i]!, 0)
}

const cosine: Similarity = (a, b, name) => {
  if (!a.some(Boolean) || !b.some(Boolean)) {
    throw invalid(`Function system.${name} doesn't support all-zero vectors.`)
  }
  return (1 + dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))) / 2
}

const euclidean: Similarity = (a, b) => {
  const distance = a.map((each, i) => each - b[i]!)
  return 1 / (1 + dot(distance, distance))
}

const generics: ReadonlyMap<string, Generic> = new Map([
  ['map_keys', mapPart(0)],
  ['map_values', mapPart(1)],
  ['collection_count', count],
  ['collection_min', folded('min')],
  ['collection_max', folded('max')],
  ['collection_sum', folded('sum')],
  ['collection_avg', folded('avg')],
  ['similarity_cosine', similarity(cosine)],
  ['similarity_euclidean', similarity(euclidean)],
  ['similarity_dot_product', similarity((a, b) => (1 + dot(a, b)) / 2)],
])

export function isGeneric(name: string): boolean {
  return generics.has(name)
}

/** @throws ServerError in Cassandra's words (FunctionFactory, FunctionParameter) */
export function resolveGeneric(name: string, args: readonly GenericArgument[]): GenericCall {
  const generic = generics.get(name)!
  const { parameters } = generic
  if (args.length !== parameters.length) {
    throw invalid(
      `Invalid number of arguments for function system.${name}(${parameters.join(', ')})`,
    )
  }
  return generic.make(name, args)
}
