import { type Expression, printExpression } from '../../cql/index.ts'
import { type CqlType, cqlTypeText } from '../../types/index.ts'
import { resolveType } from '../catalog/type-resolution.ts'
import { collectionTerm, tupleTerm } from '../evaluate/composed-terms.ts'
import { ConstantTerm, MarkerTerm, type Term } from '../evaluate/term.ts'
import { invalid } from '../errors.ts'
import { constantBytes, constantFit } from '../functions/literals.ts'
import { isAssignable } from '../functions/assignable.ts'
import { compileCall } from './compile-call.ts'
import { fitOf } from './fits.ts'
import { invalidConstant, invalidLiteral, wrongPart } from './messages.ts'
import type { PrepareContext, Receiver } from './prepare-context.ts'
import { collectionBytes, sortedMap, sortedSet, vectorBytes } from '../../values/index.ts'

/** A term that a receiver accepts (Term.Raw.prepare). @throws ServerError when it does not */
export function compileTerm(context: PrepareContext, value: Expression, receiver: Receiver): Term {
  switch (value.kind) {
    case 'constant':
      if (constantFit(value, receiver.type) === 'none') {
        throw invalid(invalidConstant(value.type, value.text, receiver.name, receiver.type))
      }
      return new ConstantTerm(constantBytes(value, receiver.type))
    case 'null':
      if (receiver.type.kind === 'counter') {
        throw invalid('Invalid null value for counter increment/decrement')
      }
      return new ConstantTerm(null)
    case 'marker':
      context.mark(value, receiver)
      return new MarkerTerm(value.index, receiver.type, receiver.allowsNullElements)
    case 'list':
    case 'set':
    case 'map':
      return compileCollection(context, value, receiver)
    case 'udt':
      return compileUserType(context, value, receiver)
    case 'tuple':
      return compileTuple(context, value, receiver)
    case 'call':
      return compileCall(context, value, receiver, compileTerm)
    case 'hint': {
      const type = resolveType(value.type, context.scope)
      if (!isAssignable(receiver.type, type)) {
        throw invalid(
          `Cannot assign value ${printExpression(value)} to ${receiver.name} of type ${cqlTypeText(receiver.type)}`,
        )
      }
      return compileTerm(context, value.value, { ...receiver, type })
    }
    case 'cast':
    case 'binary':
    case 'negate':
      throw invalid(`${printExpression(value)}: casts and arithmetic are not supported in values`)
    default:
      throw invalid(`Invalid term ${printExpression(value)}`)
  }
}

type CollectionLiteral = Extract<Expression, { kind: 'list' | 'set' | 'map' }>

function compileCollection(
  context: PrepareContext,
  value: CollectionLiteral,
  receiver: Receiver,
): Term {
  const { type, name } = receiver
  if (value.kind === 'list') {
    if (type.kind === 'vector') return compileVector(context, value.elements, receiver)
    if (type.kind !== 'list') {
      throw invalid(
        `Unexpected receiver type '${cqlTypeText(type)}'; only list and vector are expected`,
      )
    }
    return compileElements(context, value.elements, type.element, 'list', receiver)
  }
  if (value.kind === 'set' && value.elements.length === 0 && type.kind === 'map') {
    return new ConstantTerm(collectionBytes([], 0))
  }
  if (value.kind === 'set') {
    if (type.kind !== 'set') throw invalid(invalidLiteral('set', name, type))
    return compileElements(context, value.elements, type.element, 'set', receiver)
  }
  if (type.kind !== 'map') throw invalid(invalidLiteral('map', name, type))
  const parts = value.entries.flatMap((entry) => [
    checkPart(context, entry.key, type.key, 'map', 'key', receiver),
    checkPart(context, entry.value, type.value, 'map', 'value', receiver),
  ])
  return collectionTerm(parts, (cells) => sortedMap(cells, type.key))
}

function checkPart(
  context: PrepareContext,
  value: Expression,
  type: CqlType,
  what: string,
  part: string,
  receiver: Receiver,
): Term {
  if (value.kind === 'marker') {
    throw invalid(
      `Invalid ${what} literal for ${receiver.name}: bind variables are not supported inside collection literals`,
    )
  }
  if (fitOf(context, value, type) === 'none') {
    const text = `${part} ${printExpression(value)}`
    throw invalid(wrongPart(what, receiver.name, text, type))
  }
  return compileTerm(context, value, { name: `${part}(${receiver.name})`, type })
}

function compileElements(
  context: PrepareContext,
  elements: readonly Expression[],
  type: CqlType,
  what: 'list' | 'set',
  receiver: Receiver,
): Term {
  const parts = elements.map((each) => checkPart(context, each, type, what, 'value', receiver))
  if (what === 'list') return collectionTerm(parts, (cells) => collectionBytes(cells, cells.length))
  return collectionTerm(parts, (cells) => sortedSet(cells, type))
}

const nullInVector = 'null is not supported inside vectors'

function compileVector(
  context: PrepareContext,
  elements: readonly Expression[],
  receiver: Receiver,
): Term {
  const { type, name } = receiver
  if (type.kind !== 'vector') throw invalid(invalidLiteral('vector', name, type))
  if (elements.length !== type.dimension) {
    throw invalid(
      `${invalidLiteral('vector', name, type)}; expected ${type.dimension} elements, but given ${elements.length}`,
    )
  }
  const parts = elements.map((each) => {
    if (fitOf(context, each, type.element) === 'none') {
      throw invalid(wrongPart('vector', name, `value ${printExpression(each)}`, type.element))
    }
    return compileTerm(context, each, { name: `value(${name})`, type: type.element })
  })
  return collectionTerm(parts, (cells) => vectorBytes(cells, type.element), nullInVector)
}

function compileUserType(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'udt' }>,
  receiver: Receiver,
): Term {
  const { type, name } = receiver
  if (type.kind !== 'udt') throw invalid(invalidLiteral('user type', name, type))
  for (const { field } of value.fields) {
    if (!type.fields.some((each) => each.name === field)) {
      throw invalid(`Unknown field '${field}' in value of user defined type ${type.name}`)
    }
  }
  const parts = type.fields.map((field): Term => {
    const given = value.fields.findLast((each) => each.field === field.name)
    if (given === undefined) return new ConstantTerm(null)
    if (fitOf(context, given.value, field.type) === 'none') {
      const part = `field ${field.name}`
      throw invalid(wrongPart('user type', name, part, field.type))
    }
    return compileTerm(context, given.value, { name: `${name}.${field.name}`, type: field.type })
  })
  return tupleTerm(parts)
}

function compileTuple(
  context: PrepareContext,
  value: Extract<Expression, { kind: 'tuple' }>,
  receiver: Receiver,
): Term {
  const { type, name } = receiver
  const { elements } = value
  if (type.kind !== 'tuple') {
    // A single value in parentheses is only that value.
    if (elements.length === 1) return compileTerm(context, elements[0]!, receiver)
    throw invalid(invalidLiteral('tuple type', name, type))
  }
  if (elements.length > type.elements.length) {
    throw invalid(
      `Invalid tuple literal for ${name}: too many elements. Type ${cqlTypeText(type)} expects ${type.elements.length} but got ${elements.length}`,
    )
  }
  const parts = elements.map((each, index) => {
    const elementType = type.elements[index]!
    if (fitOf(context, each, elementType) === 'none') {
      throw invalid(wrongPart('tuple', name, `component ${index}`, elementType))
    }
    return compileTerm(context, each, { name: `${name}[${index}]`, type: elementType })
  })
  return tupleTerm(parts)
}
