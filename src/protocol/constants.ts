/** Versions by the byte of the header (native_protocol_v5.spec §2.1). */
export const ProtocolVersion = { V4: 4, V5: 5 } as const
export type ProtocolVersion = (typeof ProtocolVersion)[keyof typeof ProtocolVersion]

/** Set in the version byte of responses. */
export const responseBit = 0x80

/** Bytes of a frame header: version, flags, stream (short), opcode, length (int). */
export const headerBytes = 9

/** The specification's limit of a frame body: 256 MiB (native_protocol_v4.spec §2.5). */
export const bodyBytesMax: number = 256 * 1024 * 1024

/** Stream id of events (native_protocol_v4.spec §2.3). */
export const eventStreamId = -1

/** native_protocol_v4.spec §2.4 */
export const Opcode = {
  ERROR: 0x00,
  STARTUP: 0x01,
  READY: 0x02,
  AUTHENTICATE: 0x03,
  OPTIONS: 0x05,
  SUPPORTED: 0x06,
  QUERY: 0x07,
  RESULT: 0x08,
  PREPARE: 0x09,
  EXECUTE: 0x0a,
  REGISTER: 0x0b,
  EVENT: 0x0c,
  BATCH: 0x0d,
  AUTH_CHALLENGE: 0x0e,
  AUTH_RESPONSE: 0x0f,
  AUTH_SUCCESS: 0x10,
} as const
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

/** Flags of the frame header (native_protocol_v4.spec §2.2). */
export const HeaderFlag = {
  COMPRESSED: 0x01,
  TRACING: 0x02,
  CUSTOM_PAYLOAD: 0x04,
  WARNING: 0x08,
} as const

/**
 * Flags of the parameters of QUERY, EXECUTE and BATCH (native_protocol_v4.spec §4.1.4). The last
 * two are v5's, whose flags are an [int] (native_protocol_v5.spec §4.1.4).
 */
export const QueryFlag = {
  VALUES: 0x01,
  SKIP_METADATA: 0x02,
  PAGE_SIZE: 0x04,
  PAGING_STATE: 0x08,
  SERIAL_CONSISTENCY: 0x10,
  TIMESTAMP: 0x20,
  NAMED_VALUES: 0x40,
  KEYSPACE: 0x80,
  NOW_IN_SECONDS: 0x100,
} as const

/** Flags of PREPARE, which v4 does not have (native_protocol_v5.spec §4.1.5). */
export const PrepareFlag = { KEYSPACE: 0x01 } as const

/** native_protocol_v4.spec §4.1.7 */
export const BatchTypeCode = { LOGGED: 0, UNLOGGED: 1, COUNTER: 2 } as const
export type BatchTypeCode = (typeof BatchTypeCode)[keyof typeof BatchTypeCode]

/** native_protocol_v4.spec §4.2.5 */
export const ResultKind = {
  VOID: 1,
  ROWS: 2,
  SET_KEYSPACE: 3,
  PREPARED: 4,
  SCHEMA_CHANGE: 5,
} as const
export type ResultKind = (typeof ResultKind)[keyof typeof ResultKind]

/** Flags of result metadata (native_protocol_v4.spec §4.2.5.2; METADATA_CHANGED is v5's). */
export const RowsFlag = {
  GLOBAL_TABLES_SPEC: 0x01,
  HAS_MORE_PAGES: 0x02,
  NO_METADATA: 0x04,
  METADATA_CHANGED: 0x08,
} as const

/** Ids of types (native_protocol_v4.spec §4.2.5.2; DURATION is v5's, servers send it in v4 too). */
export const TypeCode = {
  CUSTOM: 0x00,
  ASCII: 0x01,
  BIGINT: 0x02,
  BLOB: 0x03,
  BOOLEAN: 0x04,
  COUNTER: 0x05,
  DECIMAL: 0x06,
  DOUBLE: 0x07,
  FLOAT: 0x08,
  INT: 0x09,
  TIMESTAMP: 0x0b,
  UUID: 0x0c,
  VARCHAR: 0x0d,
  VARINT: 0x0e,
  TIMEUUID: 0x0f,
  INET: 0x10,
  DATE: 0x11,
  TIME: 0x12,
  SMALLINT: 0x13,
  TINYINT: 0x14,
  DURATION: 0x15,
  LIST: 0x20,
  MAP: 0x21,
  SET: 0x22,
  UDT: 0x30,
  TUPLE: 0x31,
} as const

/** Length of a `[value]` that is not set; −1 is null (native_protocol_v4.spec §3). */
export const unsetLength = -2
