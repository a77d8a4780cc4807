import { type Executor, RequestTimeoutError } from '../../src/index.ts'
import { WrappedExecutor } from '../../src/types/index.ts'

/**
 * An executor that loses the answer of every n-th write: the write is applied, and the caller gets
 * an error that leaves its outcome open. It stands for another process: it shares no state.
 */
export class LosingExecutor extends WrappedExecutor {
  executeCount = 0
  lostCount = 0

  constructor(inner: Executor, everyNth: number = Number.POSITIVE_INFINITY) {
    super(
      inner,
      async (call, next) => {
        const answer = await next(call)
        const isWrite =
          call.verb === 'batch' ||
          (call.verb === 'executePrepared' && !/^\s*SELECT/i.test(call.prepared.getStatement()))
        if (!isWrite || ++this.executeCount % everyNth !== 0) return answer
        this.lostCount++
        throw new RequestTimeoutError(1, 'unknown')
      },
      { isolated: true },
    )
  }
}
