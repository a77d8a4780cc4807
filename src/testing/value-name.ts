/**
 * A text that only equal values share: primitive values, arrays, plain objects, maps, sets, dates,
 * bytes, and instances of classes by `toJSON` or else by their properties. Texts are quoted, so
 * that `1n`, `'1n'` and `1` have three names.
 *
 * @returns `undefined` when that cannot be told from the outside of a value, as of a function, or
 *   of an instance whose fields are all private
 */
export function nameOfValue(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return `${value}n`
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      return value === null ? 'null' : nameOfObject(value)
    default:
      return undefined
  }
}

function nameOfObject(value: object): string | undefined {
  if (Array.isArray(value)) return listName('[', nameOfItems(value), ']')
  if (value instanceof Map) {
    const entries = Array.from(value, ([key, item]) => pairName(nameOfValue(key), ' => ', item))
    return listName('Map {', entries, '}')
  }
  if (value instanceof Set) return listName('Set {', Array.from(value, nameOfValue), '}')
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (ArrayBuffer.isView(value)) return nameOfBytes(value)
  const prototype = Object.getPrototypeOf(value) as object | null
  const isPlain = prototype === null || prototype === Object.prototype
  const className = isPlain ? '' : `${value.constructor.name} `
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') {
    return pairName(className, '', (toJSON as (this: object) => unknown).call(value))
  }
  const keys = Object.keys(value)
  if (!isPlain && keys.length === 0) return undefined
  const properties = keys.map((key) => {
    return pairName(JSON.stringify(key), ':', (value as { readonly [key: string]: unknown })[key])
  })
  return listName(`${className}{`, properties, '}')
}

function nameOfItems(items: readonly unknown[]): readonly (string | undefined)[] {
  return Array.from(items, (item, i) => (i in items ? nameOfValue(item) : 'empty'))
}

function nameOfBytes(view: ArrayBufferView): string {
  const className = view instanceof Uint8Array ? 'Uint8Array' : view.constructor.name
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  return `${className}(${bytes.toString('hex')})`
}

function pairName(key: string | undefined, between: string, value: unknown): string | undefined {
  const name = nameOfValue(value)
  return key === undefined || name === undefined ? undefined : `${key}${between}${name}`
}

function listName(
  start: string,
  names: readonly (string | undefined)[],
  end: string,
): string | undefined {
  return names.includes(undefined) ? undefined : `${start}${names.join(',')}${end}`
}
