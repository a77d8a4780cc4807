import { printExpression, type Property } from '../../../cql/index.ts'
import { syntaxError } from '../../errors.ts'

/** Values of WITH, by name: texts and maps of texts (PropertyDefinitions). */
export type PropertyValues = ReadonlyMap<string, string | ReadonlyMap<string, string>>

export function propertyValues(properties: readonly Property[]): PropertyValues {
  const values = new Map<string, string | ReadonlyMap<string, string>>()
  for (const { name, value } of properties) {
    if (value.kind === 'map') {
      const entries = value.entries.map(([k, v]) => [plainText(k), plainText(v)] as const)
      values.set(name, new Map(entries))
    } else {
      values.set(
        name,
        typeof value.constant === 'string' ? value.constant : plainText(value.constant),
      )
    }
  }
  return values
}

function plainText(value: Parameters<typeof printExpression>[0]): string {
  if (value.kind === 'constant') return value.text
  throw syntaxError(`Invalid property value: ${printExpression(value)}`)
}

export function checkPropertyNames(values: PropertyValues, known: ReadonlySet<string>): void {
  for (const name of values.keys()) {
    if (!known.has(name)) throw syntaxError(`Unknown property '${name}'`)
  }
}

export function stringProperty(values: PropertyValues, name: string): string | undefined {
  const value = values.get(name)
  if (value !== undefined && typeof value !== 'string') {
    throw syntaxError(`Invalid value for property '${name}'. It should be a string`)
  }
  return value
}

export function mapProperty(
  values: PropertyValues,
  name: string,
): ReadonlyMap<string, string> | undefined {
  const value = values.get(name)
  if (typeof value === 'string') {
    throw syntaxError(`Invalid value for property '${name}'. It should be a map.`)
  }
  return value
}

export function intProperty(values: PropertyValues, name: string): number | undefined {
  const text = stringProperty(values, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^[+-]?\d+$/.test(text) || value !== (value | 0)) {
    throw syntaxError(`Invalid integer value ${text} for '${name}'`)
  }
  return value
}

export function doubleProperty(values: PropertyValues, name: string): number | undefined {
  const text = stringProperty(values, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || Number.isNaN(value)) {
    throw syntaxError(`Invalid double value ${text} for '${name}'`)
  }
  return value
}

export function booleanProperty(values: PropertyValues, name: string): boolean | undefined {
  const text = stringProperty(values, name)
  if (text === undefined) return undefined
  if (/^(?:1|true|yes)$/i.test(text)) return true
  if (/^(?:0|false|no)$/i.test(text)) return false
  throw syntaxError(
    `Invalid boolean value ${text} for '${name}'. Positive values can be '1', 'true' or 'yes'. Negative values can be '0', 'false' or 'no'.`,
  )
}
