import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import type { WarningTrace } from '../../src/observability/index.ts'

/** The messages of `tsylla:warning` until the test ends. */
export function collectWarnings(): string[] {
  const messages: string[] = []
  const onWarning = (trace: unknown): void => {
    messages.push((trace as WarningTrace).message)
  }
  subscribe('tsylla:warning', onWarning)
  onTestFinished(() => void unsubscribe('tsylla:warning', onWarning))
  return messages
}
