import type { Descent } from './descent.ts'

/**
 * The JSON text of a value that comes back from it as it is, but that dates become ISO text,
 * properties that are `undefined` are left out, and objects without a prototype become plain ones.
 * Whatever else JSON would change is refused by `descent`.
 */
export function toJsonText(value: unknown, descent: Descent): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) descent.refuse(`JSON has no ${value}`)
      return Object.is(value, -0) ? '-0' : String(value)
    case 'object':
      return value === null ? 'null' : descent.within(value, () => objectText(value, descent))
    default:
      return descent.refuse(`JSON has no ${typeof value}`)
  }
}

function objectText(value: object, descent: Descent): string {
  const part = descent.kindOf(value)
  switch (part.kind) {
    case 'array': {
      const items = part.array.map((item, i) =>
        descent.at(`[${i}]`, () => toJsonText(item, descent)),
      )
      return `[${items.join(',')}]`
    }
    case 'date':
      if (Number.isNaN(part.date.getTime())) descent.refuse('JSON has no invalid Date')
      return `"${part.date.toISOString()}"`
    case 'record': {
      const members = descent
        .entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => {
          const text = descent.at(`.${name}`, () => toJsonText(member, descent))
          return `${JSON.stringify(name)}:${text}`
        })
      return `{${members.join(',')}}`
    }
    default:
      return descent.refuse(`JSON has no ${part.kind}`)
  }
}
