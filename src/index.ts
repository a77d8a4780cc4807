import {
  type ContactPoint,
  type EndpointSchemes,
  Session as SessionCore,
  SessionBuilderBase,
  type SessionOptions,
  type SessionParts,
} from './session/index.ts'

export { Row } from './codec/index.ts'
export type { ClusterData, KeyspaceDescription, NodeData } from './cluster/index.ts'
export { cql } from './cql/index.ts'
export * from './errors/index.ts'
export type {
  BuildOptions,
  CloseOptions,
  ContactPoint,
  ContactPointObject,
  CreateKeyspaceOptions,
  SessionOptions,
} from './session/index.ts'
export { driverVersion as version } from './session/index.ts'
export type { TlsOptions } from './transport/index.ts'
export * from './types/index.ts'
export { Statement as Query } from './types/index.ts'

/** The one place where `embedded:` meets the engine, which is loaded when it is first used. */
const schemes: EndpointSchemes = new Map([
  [
    'embedded',
    async (contactPoint: string) => {
      const { openEmbeddedEndpoint } = await import('./embedded/index.ts')
      return await openEmbeddedEndpoint(contactPoint)
    },
  ],
])

/** A connection to a cluster, or to an embedded engine: everything goes through it. */
export class Session extends SessionCore {
  /** Connects with defaults, or with options by name. */
  static async connect(
    contactPoints: readonly ContactPoint[],
    options: Partial<SessionOptions> = {},
  ): Promise<Session> {
    return await new SessionBuilder({ ...options, contactPoints }).build()
  }
}

/** Gathers the options of a session; every method gives a new builder. */
export class SessionBuilder extends SessionBuilderBase<Session> {
  protected override readonly schemes: EndpointSchemes = schemes

  protected override derive(options: SessionOptions): this {
    return new SessionBuilder(options) as this
  }

  protected override construct(parts: SessionParts): Session {
    return new Session(parts)
  }
}
