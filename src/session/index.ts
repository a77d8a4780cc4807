export {
  type ContactPoint,
  type ContactPointObject,
  contactPointSymbol,
  type CreateKeyspaceOptions,
  plainAuthenticators,
  type SessionOptions,
} from './options.ts'
export { type CloseOptions, Session, type SessionParts } from './session.ts'
export { type EndpointSchemes, SessionBuilderBase } from './session-builder.ts'
export { driverName, driverVersion } from './version.ts'
