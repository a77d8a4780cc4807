/** An engine that answers on a port until its standard input ends; prints its address. */
import { embedded } from '../../src/embedded.ts'

const db = await embedded()
const { address } = await db.listen({ port: 0 })
console.log(address)
process.stdin.resume().on('end', () => process.exit(0))
