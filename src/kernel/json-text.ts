import type { PlainDataWalker } from './plain-data-walker.ts'

/**
 * The JSON text of a value that reading it restores, with these exceptions: dates and the values of
 * CQL types (`Decimal`, `Uuid`, …) become their text, properties that are `undefined` are left out,
 * and rows and objects without a prototype become plain objects. `walker` refuses everything else
 * that JSON would change.
 */
export function toJsonText(value: unknown, walker: PlainDataWalker): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) walker.refuse(`JSON has no ${value}`)
      return Object.is(value, -0) ? '-0' : String(value)
    case 'object':
      return value === null ? 'null' : walker.within(value, () => objectText(value, walker))
    default:
      return walker.refuse(`JSON has no ${typeof value}`)
  }
}

function objectText(value: object, walker: PlainDataWalker): string {
  const part = walker.kindOf(value)
  switch (part.kind) {
    case 'array': {
      const items = part.array.map((item, i) => walker.at(`[${i}]`, () => toJsonText(item, walker)))
      return `[${items.join(',')}]`
    }
    case 'date':
      if (Number.isNaN(part.date.getTime())) walker.refuse('JSON has no invalid Date')
      return `"${part.date.toISOString()}"`
    case 'cql':
      return JSON.stringify(part.value)
    case 'record': {
      const members = walker
        .entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => {
          const text = walker.at(`.${name}`, () => toJsonText(member, walker))
          return `${JSON.stringify(name)}:${text}`
        })
      return `{${members.join(',')}}`
    }
    default:
      return walker.refuse(`JSON has no ${part.kind}`)
  }
}
