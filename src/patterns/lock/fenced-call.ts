import { analyzeStatement } from '../../cql/index.ts'
import { ConfigError } from '../../errors/index.ts'
import { LruMap } from '../../kernel/index.ts'
import type { Batch, ExecutorCall, PreparedStatement, Statement } from '../../types/index.ts'

/** Texts whose answer is remembered. */
const textCountMax = 1_000
const stampedTexts = new LruMap<string, boolean>(textCountMax)

/** @throws ConfigError when a statement has a timestamp of its own, which would not be the fence */
export function checkFenceable(call: ExecutorCall): void {
  if (!textsOf(call).some(isStamped)) return
  throw new ConfigError(
    'A statement through fenced must not have USING TIMESTAMP: its timestamp is the fence',
  )
}

function textsOf(call: ExecutorCall): readonly string[] {
  if (call.verb === 'batch') return batchTexts(call.batch)
  return [textOf(call.verb === 'executePrepared' ? call.prepared : call.statement)]
}

function batchTexts(batch: Batch): readonly string[] {
  return batch.entries().map(textOf)
}

function textOf(statement: string | Statement | PreparedStatement): string {
  if (typeof statement === 'string') return statement
  return 'text' in statement ? statement.text : statement.getStatement()
}

function isStamped(text: string): boolean {
  let isFound = stampedTexts.get(text)
  if (isFound === undefined) {
    isFound = analyzeStatement(text).hasUsingTimestamp
    stampedTexts.set(text, isFound)
  }
  return isFound
}
