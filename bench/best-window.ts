export interface Window {
  readonly perSecond: number
  /** CPU time of this process per operation, in microseconds, where it was least. */
  readonly cpuUs: number
  /** Part of the fastest window in which the observed process was busy. */
  readonly observedShare: number
}

type Operation = (i: number) => unknown

/**
 * Keeps `inFlight` operations in flight for several windows and returns the most operations and the
 * least CPU time of a window: a busy moment of the machine affects both, in different windows.
 * Operations are numbered over all windows.
 *
 * @param observedMs returns the CPU time of another process, in milliseconds
 */
export async function bestWindow(
  operation: Operation,
  inFlight: number,
  windows: { readonly count: number; readonly ms: number },
  observedMs: () => number = () => 0,
): Promise<Window> {
  let [perSecond, cpuUs, observedShare] = [0, Number.POSITIVE_INFINITY, 0]
  let next = 0
  for (let window = 0; window < windows.count; window++) {
    const cpu = process.cpuUsage()
    const observed = observedMs()
    const { count, ms } = await runWindow(() => operation(next++), inFlight, windows.ms)
    const used = process.cpuUsage(cpu)
    cpuUs = Math.min(cpuUs, (used.user + used.system) / count)
    if ((count / ms) * 1_000 <= perSecond) continue
    perSecond = (count / ms) * 1_000
    observedShare = (observedMs() - observed) / ms
  }
  return { perSecond, cpuUs, observedShare }
}

/** Keeps `inFlight` operations in flight for `ms`. */
export async function runWindow(
  operation: () => unknown,
  inFlight: number,
  ms: number,
): Promise<{ readonly count: number; readonly ms: number }> {
  const start = performance.now()
  let count = 0
  const worker = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      await operation()
      count++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return { count, ms: performance.now() - start }
}

/** Returns the durations of all operations of one window, in microseconds, in ascending order. */
export async function latencies(
  operation: Operation,
  inFlight: number,
  ms: number,
): Promise<Float64Array> {
  const all: number[] = []
  let next = 0
  const timed = async (): Promise<void> => {
    const start = performance.now()
    await operation(next++)
    all.push((performance.now() - start) * 1_000)
  }
  await runWindow(timed, inFlight, ms)
  return Float64Array.from(all).sort()
}

/** Operations between two looks at the heap, so that few collections fall between them. */
const lookInterval = 64

/**
 * Returns the bytes that an operation allocates, on the heap and in buffers: the sum of all that
 * memory grew by. What was allocated right before a collection is not seen.
 */
export async function allocatedBytes(
  operation: Operation,
  inFlight: number,
  ms: number,
): Promise<number> {
  let known = bytesInUse()
  let sum = 0
  let next = 0
  let ended = 0
  const counted = async (): Promise<void> => {
    await operation(next++)
    // Several operations end before the next one begins, so that `next` may skip a number.
    if (inFlight > 1 && ++ended % lookInterval !== 0) return
    const now = bytesInUse()
    sum += Math.max(0, now - known)
    known = now
  }
  const { count } = await runWindow(counted, inFlight, ms)
  return sum / count
}

function bytesInUse(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
