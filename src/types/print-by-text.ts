const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom')

/** Makes `console.log` of a value print the name of its class and its text: `Decimal(1.50)`. */
export function printByText(valueClass: { readonly prototype: object }, name: string): void {
  Object.defineProperty(valueClass.prototype, inspectCustom, {
    value(this: { toString(): string }) {
      return `${name}(${this.toString()})`
    },
  })
}
