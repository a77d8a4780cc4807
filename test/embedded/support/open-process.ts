/** Opens a path, says how that went, and waits to be told to end. */
import { embedded } from '../../../src/embedded.ts'

try {
  const db = await embedded({ path: process.argv[2]! })
  console.log(JSON.stringify({ opened: true }))
  process.stdin.resume()
  await new Promise((resolve) => process.stdin.once('end', resolve))
  await db.close()
} catch (error) {
  const { code, ownerPid, message } = error as Record<string, unknown>
  console.log(JSON.stringify({ code, ownerPid, message }))
}
