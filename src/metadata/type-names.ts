import { parseTypeText, type TypeName } from '../cql/index.ts'
import { type CqlType, nativeTypeByName, type UdtType } from '../types/index.ts'

/** The user-defined types of a keyspace: a name is resolved when it is first asked for. */
export interface UserTypes {
  readonly keyspace: string
  /** Returns a type that is not frozen; `undefined` when there is none of this name. */
  find(name: string): UdtType | undefined
}

/**
 * Returns the type that a text of the schema tables names, for example
 * `frozen<map<text, frozen<address>>>`. A name that cannot be resolved is a custom type: the tables
 * may have changed while they were read.
 */
export function typeOf(text: string, types: UserTypes): CqlType {
  try {
    return resolve(parseTypeText(text), types, false)
  } catch {
    return { kind: 'custom', className: text }
  }
}

function resolve(name: TypeName, types: UserTypes, isFrozen: boolean): CqlType {
  switch (name.kind) {
    case 'native':
      return nativeTypeByName(name.name) ?? { kind: 'custom', className: name.name }
    case 'frozen':
      return resolve(name.element, types, true)
    case 'list':
    case 'set': {
      const element = resolve(name.element, types, isFrozen)
      return { kind: name.kind, element, frozen: isFrozen }
    }
    case 'map': {
      const [key, value] = [
        resolve(name.key, types, isFrozen),
        resolve(name.value, types, isFrozen),
      ]
      return { kind: 'map', key, value, frozen: isFrozen }
    }
    case 'tuple':
      return { kind: 'tuple', elements: name.elements.map((one) => resolve(one, types, true)) }
    case 'vector': {
      const element = resolve(name.element, types, true)
      return { kind: 'vector', element, dimension: name.dimension }
    }
    case 'named': {
      const found = types.find(name.name)
      if (found === undefined) return { kind: 'custom', className: name.name }
      return isFrozen ? { ...found, frozen: true } : found
    }
    case 'custom':
      return { kind: 'custom', className: name.className }
  }
}
