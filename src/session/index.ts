export {
  type ContactPoint,
  type ContactPointObject,
  contactPointSymbol,
  type CreateKeyspaceOptions,
  type SessionOptions,
} from './options.ts'
export { type CloseOptions, Session } from './session.ts'
export { type BuildOptions, type EndpointSchemes, SessionBuilder } from './session-builder.ts'
export { driverVersion } from './version.ts'
