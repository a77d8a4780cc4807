export {
  type ContactPoint,
  type ContactPointObject,
  contactPointSymbol,
  type CreateKeyspaceOptions,
  type SessionOptions,
} from './options.ts'
export { type CloseOptions, Session, type SessionParts } from './session.ts'
export { type BuildOptions, type EndpointSchemes, SessionBuilderBase } from './session-builder.ts'
export { driverVersion } from './version.ts'
