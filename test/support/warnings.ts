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

/** The messages of the warnings of the process until the test ends. */
export function collectReports(): string[] {
  const messages: string[] = []
  const onWarning = ({ message }: Error): void => void messages.push(message)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  return messages
}

/** The reasons of rejections that nothing handles until the test ends. */
export function collectUnhandledRejections(): unknown[] {
  const reasons: unknown[] = []
  const onRejection = (reason: unknown): void => void reasons.push(reason)
  process.on('unhandledRejection', onRejection)
  onTestFinished(() => void process.off('unhandledRejection', onRejection))
  return reasons
}
