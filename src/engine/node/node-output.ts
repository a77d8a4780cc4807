import type { ByteOutput } from '../../protocol/index.ts'

/** The output for the answers of a connection. */
export interface NodeOutput extends ByteOutput {
  /** Sends what was written, then closes. */
  end(): void
  /** Stops reading what the client sends: its requests wait until it has read its answers. */
  pauseInput?(): void
  resumeInput?(): void
}
