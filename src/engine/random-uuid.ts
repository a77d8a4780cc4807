import { Uuid } from '../types/index.ts'
import type { Runtime } from '../util/index.ts'

/** A UUID of version 4 from the random bytes of a runtime (RFC 9562 §5.4). */
export function randomUuid(runtime: Runtime): Uuid {
  const bytes = runtime.randomBytes(16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return new Uuid(bytes)
}
