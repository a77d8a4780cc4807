export {
  type BatchEntryRequest,
  type BatchRequest,
  readBatchRequest,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
} from './batch-request.ts'
export { columnSpecsFlag, readColumnSpecs, writeColumnSpecs } from './column-specs.ts'
export {
  type BlockCodec,
  compressBytesMin,
  type CompressionName,
  type Compressor,
  Lz4Compressor,
  SnappyCompressor,
} from './compression.ts'
export { loadCompressor } from './compressors.ts'
export {
  BatchTypeCode,
  bodyBytesMax,
  eventStreamId,
  HeaderFlag,
  headerBytes,
  nullLength,
  Opcode,
  ProtocolVersion,
  QueryFlag,
  responseBit,
  ResultKind,
  RowsFlag,
  TypeCode,
  unsetLength,
} from './constants.ts'
export { customTypeName, parseCustomTypeName, typeDepthMax } from './custom-type-name.ts'
export { readError, writeError } from './error-response.ts'
export {
  EventType,
  readEvent,
  type SchemaChangeEvent,
  type ServerEvent,
  type StatusChangeEvent,
  type TopologyChangeEvent,
  type UnknownEvent,
  writeEvent,
} from './event.ts'
export { beginRequest, beginResponse, endFrame, endFrameCompressed } from './frame.ts'
export {
  type FrameHandler,
  FrameParser,
  type FrameParserOptions,
  VersionMismatchError,
} from './frame-parser.ts'
export { type BindMetadata, readBindMetadata, writeBindMetadata } from './prepared-metadata.ts'
export {
  type QueryParameters,
  readQueryParameters,
  readRawValues,
  writeParametersTail,
  writeRawValue,
  writeRawValues,
} from './query-parameters.ts'
export {
  type AuthResponseRequest,
  type ExecuteRequest,
  type OptionsRequest,
  type PrepareRequest,
  type QueryRequest,
  readRequest,
  readRequestPayload,
  type RegisterRequest,
  type Request,
  type StartupRequest,
  writeAuthResponse,
  writeExecuteHead,
  writePrepare,
  writeQueryHead,
  writeRegister,
  writeStartup,
} from './requests.ts'
export {
  emptyResponsePrefix,
  readResponsePrefix,
  type ResponsePrefix,
  responsePrefixFlags,
  writeResponsePrefix,
} from './response-prefix.ts'
export {
  type AuthChallengeResponse,
  type AuthenticateResponse,
  type AuthSuccessResponse,
  type ErrorResponse,
  type EventResponse,
  type PreparedResult,
  readResponse,
  readResult,
  type ReadyResponse,
  type Response,
  type ResultResponse,
  type RowsResult,
  type SchemaChangeResult,
  type SetKeyspaceResult,
  type SupportedResponse,
  type VoidResult,
  writeResponse,
} from './responses.ts'
export {
  MetadataBytes,
  readRowCount,
  readRowsHead,
  readRowsMetadata,
  RowsHead,
  type RowsMetadata,
  type RowsMetadataOptions,
  writeRowsMetadata,
} from './rows-metadata.ts'
export { readSchemaChange, type SchemaChange, writeSchemaChange } from './schema-change.ts'
export { readTypeSpec, writeTypeSpec } from './type-spec.ts'
export { asBuffer, utf8Read, utf8Write } from './utf8.ts'
export { type InetAddress, type RawValue, UNSET, WireReader } from './wire-reader.ts'
export { intMax, shortMax, tooLong, WireWriter } from './wire-writer.ts'
