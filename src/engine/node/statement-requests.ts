import { ProtocolError } from '../../errors/index.ts'
import {
  type BatchRequest,
  BatchTypeCode,
  type ExecuteRequest,
  type PrepareRequest,
  type QueryParameters,
  type QueryRequest,
} from '../../protocol/index.ts'
import type { AnswerMemory } from '../answer-memory.ts'
import type { BatchKind } from '../analyze/batch.ts'
import type { EngineBatchEntry, EngineExecuteOptions, TableSource } from '../engine-options.ts'
import type { EngineResult } from '../execute/result.ts'
import { checkValueCount } from '../value-count.ts'
import { valuesFor } from './named-values.ts'
import type { NodeHost } from './node-host.ts'

/** The state of a connection that affects its statements. */
export interface StatementScope {
  readonly keyspace: string | undefined
  readonly signal: AbortSignal
  /** Counts the bytes of the answers to the client. */
  readonly memory: AnswerMemory
}

type Outcome = EngineResult | Promise<EngineResult>

/** QUERY (QueryMessage). */
export function executeQuery(
  node: NodeHost,
  { text, parameters }: QueryRequest,
  scope: StatementScope,
): Outcome {
  const { engine, system } = node
  checkPageSize(parameters)
  const plan = engine.prepare(statementText(node, text), scope.keyspace)
  const values = valuesFor(plan.markers, parameters)
  checkValueCount(plan.markers, values, 'query')
  return engine.execute(plan, values, optionsOf(parameters, scope, system))
}

/** PREPARE (PrepareMessage). @returns the body of its RESULT */
export function executePrepare(
  node: NodeHost,
  { text }: PrepareRequest,
  { keyspace }: StatementScope,
): Uint8Array {
  return node.statements.prepare(statementText(node, text), keyspace).body
}

function statementText({ placement }: NodeHost, text: string): string {
  return placement === undefined ? text : placement.statementText(text)
}

/** EXECUTE (ExecuteMessage). */
export function executePrepared(
  { engine, statements, system }: NodeHost,
  { id, parameters }: ExecuteRequest,
  scope: StatementScope,
): Outcome {
  const { plan } = statements.prepared(id)
  checkPageSize(parameters)
  const values = valuesFor(plan.markers, parameters)
  return engine.execute(plan, values, optionsOf(parameters, scope, system))
}

const kinds: { readonly [code: number]: BatchKind } = {
  [BatchTypeCode.LOGGED]: 'logged',
  [BatchTypeCode.UNLOGGED]: 'unlogged',
  [BatchTypeCode.COUNTER]: 'counter',
}

/** BATCH (BatchMessage). */
export function executeBatch(
  { engine, statements }: NodeHost,
  request: BatchRequest,
  scope: StatementScope,
): Outcome {
  const entries = request.entries.map((entry): EngineBatchEntry => {
    const prepared =
      entry.id === undefined
        ? engine.prepare(entry.text, scope.keyspace)
        : statements.prepared(entry.id).plan
    return { prepared, values: entry.values }
  })
  const { consistency, serialConsistency, timestamp } = request
  return engine.batch(kinds[request.type]!, entries, {
    consistency,
    serialConsistency,
    timestamp,
    pageSize: 0,
    pagingState: undefined,
    signal: scope.signal,
    memory: scope.memory,
  })
}

function checkPageSize({ pageSize }: QueryParameters): void {
  if (pageSize === 0) throw new ProtocolError('The page size cannot be 0')
}

function optionsOf(
  parameters: QueryParameters,
  { signal, memory }: StatementScope,
  tableSource: TableSource,
): EngineExecuteOptions {
  const { consistency, serialConsistency, timestamp, pageSize = 0, pagingState } = parameters
  return {
    consistency,
    serialConsistency,
    timestamp,
    pageSize,
    pagingState,
    signal,
    memory,
    tableSource,
  }
}
