import { Opcode, type QueryParameters, type Request } from '../../protocol/index.ts'

/** What `system_traces.sessions` says about a request. */
export interface RequestDescription {
  readonly title: string
  readonly parameters: ReadonlyMap<string, string>
}

/** Requests that are traced (Message.isTraceable), as Cassandra describes them; else nothing. */
export function describeRequest(
  request: Request,
  textOf: (id: Uint8Array) => string,
): RequestDescription | undefined {
  switch (request.opcode) {
    case Opcode.QUERY:
      return describe('Execute CQL3 query', request.parameters, request.text)
    case Opcode.EXECUTE:
      return describe('Execute CQL3 prepared query', request.parameters, textOf(request.id))
    case Opcode.BATCH:
      return describe('Execute batch of CQL3 queries', request, undefined)
    case Opcode.PREPARE:
      return {
        title: 'Preparing CQL3 query',
        parameters: new Map([['query', request.text]]),
      }
    default:
      return undefined
  }
}

type Levels = Pick<QueryParameters, 'consistency' | 'serialConsistency'> &
  Partial<Pick<QueryParameters, 'pageSize'>>

function describe(title: string, levels: Levels, query: string | undefined): RequestDescription {
  const parameters = new Map<string, string>()
  const { consistency, serialConsistency, pageSize } = levels
  if (query !== undefined) parameters.set('query', query)
  if (pageSize !== undefined && pageSize > 0) parameters.set('page_size', String(pageSize))
  parameters.set('consistency_level', consistency)
  parameters.set('serial_consistency_level', serialConsistency ?? 'SERIAL')
  return { title, parameters }
}
