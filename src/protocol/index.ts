export {
  type BatchEntryRequest,
  type BatchRequest,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
} from './batch-request.ts'
export { columnSpecsFlag, readColumnSpecs, writeColumnSpecs } from './column-specs.ts'
export {
  type BlockCodec,
  type CompressionName,
  type Compressor,
} from './compression.ts'
export { loadCompressor } from './compressors.ts'
export {
  BatchTypeCode,
  bodyBytesMax,
  eventStreamId,
  HeaderFlag,
  Opcode,
  QueryFlag,
  responseBit,
  ResultKind,
  RowsFlag,
} from './constants.ts'
export { typeDepthMax } from './custom-type-name.ts'
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
export { type ByteOutput, highWaterBytes, OutputBuffer } from './framing/output-buffer.ts'
export { type BindMetadata, readBindMetadata, writeBindMetadata } from './prepared-metadata.ts'
export {
  type QueryParameters,
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
  RowsHead,
  type RowsMetadata,
  type RowsMetadataOptions,
  writeRowsMetadata,
} from './rows-metadata.ts'
export { readSchemaChange, type SchemaChange, writeSchemaChange } from './schema-change.ts'
export { readTypeSpec, writeTypeSpec } from './type-spec.ts'
export { utf8Read } from './utf8.ts'
export { type InetAddress, type RawValue, UNSET, WireReader } from './wire-reader.ts'
export { intMax, shortMax, WireWriter } from './wire-writer.ts'
