export interface Window {
  readonly perSecond: number
  /** CPU time of this process per operation, in microseconds. */
  readonly cpuUs: number
}

/**
 * Keeps `inFlight` operations in flight for several windows and returns the best of them: a busy
 * moment of the machine affects all that are measured. Operations are numbered over all windows.
 */
export async function bestWindow(
  operation: (i: number) => unknown,
  inFlight: number,
  windows: { readonly count: number; readonly ms: number },
): Promise<Window> {
  let best: Window = { perSecond: 0, cpuUs: Number.POSITIVE_INFINITY }
  let next = 0
  for (let window = 0; window < windows.count; window++) {
    const start = performance.now()
    const cpu = process.cpuUsage()
    let count = 0
    const worker = async (): Promise<void> => {
      while (performance.now() - start < windows.ms) {
        await operation(next++)
        count++
      }
    }
    await Promise.all(Array.from({ length: inFlight }, worker))
    const used = process.cpuUsage(cpu)
    const perSecond = (count / (performance.now() - start)) * 1_000
    if (perSecond > best.perSecond) best = { perSecond, cpuUs: (used.user + used.system) / count }
  }
  return best
}
