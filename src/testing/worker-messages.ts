/** What a worker process is started with, as JSON in its last parameter. */
export interface WorkerSetup {
  readonly index: number
  readonly count: number
  readonly skewMs: number
  readonly args: unknown
}

/** Lines from the runner to a worker, on its standard input. */
export type WorkerCommand =
  | { readonly kind: 'go' }
  | { readonly kind: 'skew'; readonly offsetMs: number }
  | { readonly kind: 'stop' }

/** Lines from a worker to its runner, on the file descriptor {@link reportDescriptor}. */
export type WorkerMessage =
  | { readonly kind: 'report'; readonly report: unknown }
  /** The worker waits for the others. */
  | { readonly kind: 'barrier' }

export const reportDescriptor = 3

/** Precedes the setup among the parameters of a worker. */
export const setupFlag = '--tsylla-worker='
