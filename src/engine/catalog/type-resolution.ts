import { printType, type TypeName } from '../../cql/index.ts'
import { type CqlType, nativeTypeByName, type UdtType } from '../../types/index.ts'
import { invalid, syntaxError } from '../errors.ts'

/** The user types that a statement can refer to. */
export interface TypeScope {
  readonly keyspace: string
  readonly types: ReadonlyMap<string, UdtType>
  /** Receives the user types that are resolved. */
  readonly resolved?: Set<UdtType>
}

/** Resolves the name of a type (CQL3Type.Raw.prepare). */
export function resolveType(name: TypeName, scope: TypeScope): CqlType {
  return resolve(name, scope, false)
}

function resolve(name: TypeName, scope: TypeScope, frozen: boolean): CqlType {
  switch (name.kind) {
    case 'native':
      return nativeTypeByName(name.name)!
    case 'frozen':
      return resolveFrozen(name, scope)
    case 'list':
    case 'set':
    case 'map':
      return resolveCollection(name, scope, frozen)
    case 'tuple':
      return {
        kind: 'tuple',
        elements: name.elements.map((element) => {
          if (isCounter(element)) throw invalid('Counters are not allowed inside tuples')
          return freeze(resolve(element, scope, true))
        }),
      }
    case 'vector': {
      if (isCounter(name.element)) throw invalid('Counters are not allowed inside vectors')
      if (!(name.dimension > 0)) {
        throw invalid(`vectors may only have positive dimensions; given ${name.dimension}`)
      }
      const element = freeze(resolve(name.element, scope, true))
      return { kind: 'vector', element, dimension: name.dimension }
    }
    case 'named':
      return resolveUserType(name, scope, frozen)
    case 'custom':
      return { kind: 'custom', className: name.className }
  }
}

function resolveFrozen(name: Extract<TypeName, { kind: 'frozen' }>, scope: TypeScope): CqlType {
  const inner = name.element
  if (inner.kind === 'native' || inner.kind === 'custom') {
    throw syntaxError(
      `frozen<> is only allowed on collections, tuples, and user-defined types (got ${printType(inner)})`,
    )
  }
  return freeze(resolve(inner, scope, true))
}

type CollectionName = Extract<TypeName, { kind: 'list' | 'set' | 'map' }>

function resolveCollection(name: CollectionName, scope: TypeScope, frozen: boolean): CqlType {
  const text = printType(name)
  const parts = name.kind === 'map' ? [name.key, name.value] : [name.element]
  for (const part of parts) {
    if (isCounter(part)) throw invalid(`Counters are not allowed inside collections: ${text}`)
  }
  if (name.kind === 'set' && isDuration(name.element)) {
    throw invalid(`Durations are not allowed inside sets: ${text}`)
  }
  if (name.kind === 'map' && isDuration(name.key)) {
    throw invalid(`Durations are not allowed as map keys: ${text}`)
  }
  const types = parts.map((part) => resolve(part, scope, frozen))
  if (!frozen) for (const type of types) checkInner(type, text)
  const [first, second] = types.map((type) => (frozen ? freeze(type) : type))
  if (name.kind === 'map') return { kind: 'map', key: first!, value: second!, frozen }
  return { kind: name.kind, element: first!, frozen }
}

function checkInner(type: CqlType, text: string): void {
  if (type.kind === 'udt' && !type.frozen) {
    throw invalid(`Non-frozen UDTs are not allowed inside collections: ${text}`)
  }
  if ((type.kind === 'list' || type.kind === 'set' || type.kind === 'map') && !type.frozen) {
    throw invalid(`Non-frozen collections are not allowed inside collections: ${text}`)
  }
}

function resolveUserType(
  name: Extract<TypeName, { kind: 'named' }>,
  scope: TypeScope,
  frozen: boolean,
): CqlType {
  if (name.keyspace !== undefined && name.keyspace !== scope.keyspace) {
    throw invalid(
      `Statement on keyspace ${scope.keyspace} cannot refer to a user type in keyspace ${name.keyspace}; user types can only be used in the keyspace they are defined in`,
    )
  }
  const type = scope.types.get(name.name)
  if (type === undefined) throw invalid(`Unknown type ${scope.keyspace}.${name.name}`)
  scope.resolved?.add(type)
  return frozen ? freeze(type) : type
}

function isCounter(name: TypeName): boolean {
  return name.kind === 'native' && name.name === 'counter'
}

function isDuration(name: TypeName): boolean {
  return name.kind === 'native' && name.name === 'duration'
}

/** Returns the type, frozen at every level. */
export function freeze(type: CqlType): CqlType {
  switch (type.kind) {
    case 'list':
    case 'set':
      return { ...type, element: freeze(type.element), frozen: true }
    case 'map':
      return { ...type, key: freeze(type.key), value: freeze(type.value), frozen: true }
    case 'udt': {
      const fields = type.fields.map((field) => ({ ...field, type: freeze(field.type) }))
      return { ...type, fields, frozen: true }
    }
    case 'tuple':
      return { ...type, elements: type.elements.map(freeze) }
    default:
      return type
  }
}

/** Returns the types of the direct components of a type. */
export function partsOfType(type: CqlType): readonly CqlType[] {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'vector':
      return [type.element]
    case 'map':
      return [type.key, type.value]
    case 'tuple':
      return type.elements
    case 'udt':
      return type.fields.map((field) => field.type)
    default:
      return []
  }
}

/** Whether `test` holds for a type or any type nested in it. */
export function someType(type: CqlType, test: (type: CqlType) => boolean): boolean {
  return test(type) || partsOfType(type).some((part) => someType(part, test))
}

export function refersToUserType(type: CqlType, name: string): boolean {
  return someType(type, (part) => part.kind === 'udt' && part.name === name)
}

/** Returns a type in which a new definition replaces that of one user type. */
export function replaceUserType(type: CqlType, replacement: UdtType): CqlType {
  switch (type.kind) {
    case 'list':
    case 'set':
    case 'vector':
      return { ...type, element: replaceUserType(type.element, replacement) }
    case 'map': {
      const key = replaceUserType(type.key, replacement)
      return { ...type, key, value: replaceUserType(type.value, replacement) }
    }
    case 'tuple': {
      const elements = type.elements.map((element) => replaceUserType(element, replacement))
      return { ...type, elements }
    }
    case 'udt': {
      if (type.name === replacement.name) return type.frozen ? freeze(replacement) : replacement
      const fields = type.fields.map((field) => {
        return { ...field, type: replaceUserType(field.type, replacement) }
      })
      return { ...type, fields }
    }
    default:
      return type
  }
}
