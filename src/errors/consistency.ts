/** Consistency levels by their wire code (native_protocol_v4.spec §3, `[consistency]`). */
export const ConsistencyCode = {
  ANY: 0,
  ONE: 1,
  TWO: 2,
  THREE: 3,
  QUORUM: 4,
  ALL: 5,
  LOCAL_QUORUM: 6,
  EACH_QUORUM: 7,
  SERIAL: 8,
  LOCAL_SERIAL: 9,
  LOCAL_ONE: 10,
} as const

export type Consistency = keyof typeof ConsistencyCode
export type SerialConsistency = 'SERIAL' | 'LOCAL_SERIAL'

const names: readonly Consistency[] = Object.keys(ConsistencyCode) as Consistency[]

/** The name of a wire code, or `undefined` when the code is not in the specification. */
export function consistencyName(code: number): Consistency | undefined {
  return names[code]
}

/** Whether a level is serial: the level of the Paxos round of a conditional statement. */
export function isSerialConsistency(consistency: Consistency): consistency is SerialConsistency {
  return consistency === 'SERIAL' || consistency === 'LOCAL_SERIAL'
}

/** The same by wire code. */
export function isSerialCode(code: number): boolean {
  return code === ConsistencyCode.SERIAL || code === ConsistencyCode.LOCAL_SERIAL
}

/**
 * Kind of write that timed out or failed (native_protocol_v4.spec §9). Servers may add kinds, so
 * unknown names pass through as they came.
 */
export type WriteType =
  | 'SIMPLE'
  | 'BATCH'
  | 'UNLOGGED_BATCH'
  | 'COUNTER'
  | 'BATCH_LOG'
  | 'CAS'
  | 'VIEW'
  | 'CDC'
  | (string & {})
