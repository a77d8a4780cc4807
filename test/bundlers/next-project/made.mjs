/** Says which process has made it, and never the same twice. */
export function made() {
  return `made by ${process.env.PROCESS_NAME ?? 'build'} at ${performance.timeOrigin + performance.now()};`
}
