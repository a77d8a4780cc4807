/** Replaces every function that schedules, as Jest does, and uses a database. */
import { live } from './application.ts'

const never = (): object => ({})
const nextTick = process.nextTick.bind(process)
const replaced = {
  setImmediate: never,
  setTimeout: never,
  setInterval: never,
  queueMicrotask: never,
}
Object.assign(globalThis, replaced)
Object.assign(process, { nextTick: never })
// Nothing else keeps the process alive while promises alone are waited for.
const count = await live({})
Object.assign(process, { nextTick })
console.log(String(count))
