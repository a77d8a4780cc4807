export {
  type BatchEntryRequest,
  type BatchRequest,
  writeBatchHead,
  writeBatchPrepared,
  writeBatchQuery,
  writeBatchTail,
} from './messages/batch.ts'
export { readColumnSpecs } from './notation/column-specs.ts'
export {
  type BlockCodec,
  type CompressionName,
  type Compressor,
  Lz4Compressor,
} from './framing/compression.ts'
export { loadCompressor } from './framing/compressors.ts'
export {
  BatchTypeCode,
  bodyBytesMax,
  eventStreamId,
  headerBytes,
  HeaderFlag,
  Opcode,
  ProtocolVersion,
  QueryFlag,
  responseBit,
  ResultKind,
} from './constants.ts'
export { typeDepthMax } from './notation/custom-type-name.ts'
export {
  initialFeatures,
  negotiate,
  type ProtocolFeatures,
  ScyllaExtension,
  type ShardFacts,
  type WantedFeatures,
} from './features.ts'
export { readError, writeError } from './messages/error.ts'
export {
  EventType,
  gracefulDisconnect,
  isGracefulDisconnect,
  readEvent,
  type SchemaChangeEvent,
  type ServerEvent,
  type StatusChangeEvent,
  type TopologyChangeEvent,
  type UnknownEvent,
  writeEvent,
} from './messages/event.ts'
export {
  beginRequest,
  beginResponse,
  endFrame,
  endFrameCompressed,
  Framing,
} from './framing/frame.ts'
export {
  type FrameHandler,
  FrameParser,
  type FrameParserOptions,
  VersionMismatchError,
} from './framing/frame-parser.ts'
export { type ByteOutput, highWaterBytes, OutputBuffer } from './framing/output-buffer.ts'
export { reusedSegmentBytesMax, SegmentParser, SegmentSealer } from './framing/segments.ts'
export {
  type AuthChallengeResponse,
  type AuthenticateResponse,
  type AuthResponseRequest,
  type AuthSuccessResponse,
  writeAuthenticate,
  writeAuthToken,
} from './messages/auth.ts'
export { type ExecuteRequest, writeExecuteHead } from './messages/execute.ts'
export { type OptionsRequest, type SupportedResponse, writeSupported } from './messages/options.ts'
export {
  type BindMetadata,
  type PreparedResult,
  type PrepareRequest,
  readBindMetadata,
  writeBindMetadata,
  writePrepare,
} from './messages/prepare.ts'
export { type QueryRequest, writeQueryHead } from './messages/query.ts'
export {
  type QueryParameters,
  readRawValues,
  type ParametersV5,
  writeParametersTail,
  writeRawValue,
  writeRawValues,
} from './messages/query-parameters.ts'
export { type RegisterRequest, writeRegister } from './messages/register.ts'
export { readRequest, readRequestPayload, type Request } from './messages/request.ts'
export {
  type ErrorResponse,
  type EventResponse,
  readResponse,
  type Response,
  writeResponse,
} from './messages/response.ts'
export {
  emptyResponsePrefix,
  readResponsePrefix,
  type ResponsePrefix,
  responsePrefixFlags,
  writeResponsePrefix,
} from './messages/response-prefix.ts'
export {
  type ResultResponse,
  type SchemaChangeResult,
  type SetKeyspaceResult,
  type VoidResult,
  writeResult,
} from './messages/result.ts'
export { type ReadyResponse, type StartupRequest, writeStartup } from './messages/startup.ts'
export {
  type EncodedRowsResult,
  MetadataBytes,
  readRowCount,
  readRowsHead,
  RowsHead,
  type RowsMetadata,
  type RowsMetadataOptions,
  type RowsResult,
  writeRowsMetadata,
} from './messages/rows.ts'
export { readSchemaChange, type SchemaChange } from './messages/schema-change.ts'
export { readTypeSpec, writeTypeSpec } from './notation/type-spec.ts'
export { utf8Read } from './notation/utf8.ts'
export { type InetAddress, type RawValue, UNSET, WireReader } from './notation/reader.ts'
export { intMax, shortMax, WireWriter } from './notation/writer.ts'
