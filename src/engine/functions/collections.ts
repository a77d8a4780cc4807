import { type CqlType, nativeTypes } from '../../types/index.ts'
import { invalid } from '../errors.ts'
import { nativeAggregates } from './aggregates.ts'
import {
  type Generic,
  type GenericArgument,
  type GenericCall,
  type Parameter,
  sameAs,
  withoutNulls,
  wrongType,
} from './generics.ts'
import {
  collectionBytes,
  floatBytes,
  int32Bytes,
  splitCollection,
  splitVector,
} from '../../values/index.ts'

const numericKinds = [
  ...['tinyint', 'smallint', 'int', 'bigint', 'counter', 'varint', 'float', 'double', 'decimal'],
]

function elementsOf(bytes: Uint8Array): Uint8Array[] {
  return splitCollection(bytes) as Uint8Array[]
}

/** A function of one argument, whose type selects the implementation. */
function ofOne(
  parameter: string,
  make: (type: CqlType, fail: (what: string) => Error) => Omit<GenericCall, 'args'>,
): Generic {
  const fault = (name: string, arg: GenericArgument, type: CqlType): ((what: string) => Error) => {
    return (what) => wrongType(name, `a ${what} argument`, arg, type)
  }
  const unexpected = (): Error => new Error('tsylla invariant violated: the type was checked')
  return {
    requiredCount: 1,
    parameters: [
      {
        text: parameter,
        infer: ({ type }) => type,
        check: (name, arg, type) => void make(type, fault(name, arg, type)),
      },
    ],
    make: (_name, [type]) => ({ ...make(type!, unexpected), args: [type!] }),
  }
}

/** The keys or the values of a map (CollectionFcts.makeMapKeysFunction, makeMapValuesFunction). */
function mapPart(offset: 0 | 1): Generic {
  return ofOne('map', (type, fail) => {
    if (type.kind !== 'map') throw fail('map')
    const returns: CqlType =
      offset === 0
        ? { kind: 'set', element: type.key, frozen: true }
        : { kind: 'list', element: type.value, frozen: true }
    return {
      returns,
      call: withoutNulls(([map]) => {
        const parts = elementsOf(map!).filter((_part, i) => i % 2 === offset)
        return collectionBytes(parts, parts.length)
      }),
    }
  })
}

const count: Generic = ofOne('collection', (type, fail) => {
  if (type.kind !== 'map' && type.kind !== 'set' && type.kind !== 'list') throw fail('collection')
  const step = type.kind === 'map' ? 2 : 1
  return {
    returns: nativeTypes.int,
    call: withoutNulls(([value]) => int32Bytes(elementsOf(value!).length / step)),
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
    const fold = nativeAggregates.get(aggregate)!(element)
    return {
      returns: fold.returns,
      call: withoutNulls(([value]) => {
        const folding = fold.create()
        for (const each of elementsOf(value!)) folding.add(each)
        return folding.result()
      }),
    }
  })
}

type Similarity = (a: readonly number[], b: readonly number[], name: string) => number

const floatVector: Parameter = {
  text: 'vector<float, n>',
  infer({ type, listLength }, receiver) {
    if (type?.kind === 'vector' || listLength === undefined) return type ?? receiver
    if (listLength === 0) throw invalid('vectors may only have positive dimensions; given 0')
    return { kind: 'vector', element: nativeTypes.float, dimension: listLength }
  },
  check(name, arg, type) {
    const isFloats = type.kind === 'vector' && type.element.kind === 'float'
    if (isFloats && (arg.listLength ?? type.dimension) !== type.dimension) {
      throw invalid('All arguments must have the same vector dimensions')
    }
    if (!isFloats) throw wrongType(name, 'a float vector argument', arg, type)
  },
}

/** A function of two float vectors. One may take its type from the other (VectorFcts). */
function similarity(measure: Similarity): Generic {
  return {
    parameters: [sameAs(1, floatVector), sameAs(0, floatVector)],
    requiredCount: 2,
    make(name, types) {
      const [a, b] = types.map((type) => (type.kind === 'vector' ? type.dimension : 0))
      if (a !== b) throw invalid('All arguments must have the same vector dimensions')
      return {
        returns: nativeTypes.float,
        args: types,
        call: withoutNulls(([x, y]) => floatBytes(measure(floats(x!), floats(y!), name))),
      }
    },
  }
}

function floats(bytes: Uint8Array): number[] {
  return splitVector(bytes, nativeTypes.float).map((each) =>
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

/** Functions of collections and vectors by name. */
export const collectionFunctions: readonly (readonly [string, Generic])[] = [
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
]
