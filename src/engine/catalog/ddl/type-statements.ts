import {
  type AlterTypeStatement,
  type CreateTypeStatement,
  type DropStatement,
  printType,
  type TypeName,
} from '../../../cql/index.ts'
import { cqlTypeText, type UdtField, type UdtType } from '../../../types/index.ts'
import { invalid } from '../../errors.ts'
import {
  keyspaceOrThrow,
  type KeyspaceSchema,
  qualifiedText,
  type Schema,
  withEntry,
  withKeyspace,
} from '../schema.ts'
import { createTableSchema } from '../table-schema.ts'
import { refersToUserType, replaceUserType, resolveType } from '../type-resolution.ts'

export function createType(
  schema: Schema,
  statement: CreateTypeStatement,
  keyspaceName: string,
): Schema {
  const { name } = statement.type
  const keyspace = keyspaceOrThrow(schema, keyspaceName)
  if (keyspace.types.has(name)) {
    if (statement.ifNotExists) return schema
    throw invalid(`A user type with name '${name}' already exists`)
  }
  const names = new Set<string>()
  for (const field of statement.fields) {
    if (names.has(field.name)) {
      throw invalid(`Duplicate field name '${field.name}' in type '${name}'`)
    }
    names.add(field.name)
  }
  for (const field of statement.fields) checkFieldType(field.type, keyspace)
  const scope = { keyspace: keyspaceName, types: keyspace.types }
  const fields = statement.fields.map((field): UdtField => {
    return { name: field.name, type: resolveType(field.type, scope) }
  })
  const type: UdtType = { kind: 'udt', keyspace: keyspaceName, name, fields, frozen: false }
  return withKeyspace(schema, { ...keyspace, types: withEntry(keyspace.types, name, type) })
}

function checkFieldType(type: TypeName, keyspace: KeyspaceSchema): void {
  if (type.kind === 'native' && type.name === 'counter') {
    throw invalid('A user type cannot contain counters')
  }
  if (type.kind === 'named' && (type.keyspace ?? keyspace.name) === keyspace.name) {
    throw invalid('A user type cannot contain non-frozen UDTs')
  }
}

function isUsedByTable(keyspace: KeyspaceSchema, name: string): string[] {
  const tables = [...keyspace.tables.values()].filter(({ schema }) =>
    [...schema.columns.values()].some((column) => refersToUserType(column.type, name)),
  )
  return tables.map(({ schema }) => schema.name)
}

export function alterType(
  schema: Schema,
  statement: AlterTypeStatement,
  keyspaceName: string,
): Schema {
  const { name } = statement.type
  const keyspace = schema.keyspaces.get(keyspaceName)
  const type = keyspace?.types.get(name)
  if (keyspace === undefined || type === undefined) {
    if (statement.ifExists) return schema
    throw invalid(`Type ${keyspaceName}.${name} doesn't exist`)
  }
  const altered = changeFields(type, statement.change, keyspace)
  return altered === type ? schema : withKeyspace(schema, replaceEverywhere(keyspace, altered))
}

function changeFields(
  type: UdtType,
  change: AlterTypeStatement['change'],
  keyspace: KeyspaceSchema,
): UdtType {
  switch (change.kind) {
    case 'alter':
      throw invalid('Altering field types is no longer supported')
    case 'add':
      return addField(type, change, keyspace)
    case 'rename':
      return renameFields(type, change)
  }
}

function addField(
  type: UdtType,
  change: Extract<AlterTypeStatement['change'], { kind: 'add' }>,
  keyspace: KeyspaceSchema,
): UdtType {
  const { field } = change
  const text = qualifiedText(type)
  checkFieldType(change.type, keyspace)
  if (type.fields.some((each) => each.name === field)) {
    if (change.ifNotExists) return type
    throw invalid(
      `Cannot add field ${field} to type ${text}: a field with name ${field} already exists`,
    )
  }
  const added = resolveType(change.type, { keyspace: keyspace.name, types: keyspace.types })
  if (refersToUserType(added, type.name)) {
    const typeText = printType(change.type).replace(`<${type.name}>`, `<${text}>`)
    throw invalid(
      `Cannot add new field ${field} of type ${typeText} to user type ${text} as it would create a circular reference`,
    )
  }
  const keyed = [...keyspace.tables.values()].filter(({ schema }) =>
    schema.partitionKey.some((column) => refersToUserType(column.type, type.name)),
  )
  if (keyed.length > 0) {
    const tables = keyed.map(({ schema }) => qualifiedText(schema)).join(', ')
    throw invalid(
      `Cannot add new field ${field} of type ${cqlTypeText(added)} to user type ${text} as the type is being used in partition key by the following tables: ${tables}`,
    )
  }
  return { ...type, fields: [...type.fields, { name: field, type: added }] }
}

function renameFields(
  type: UdtType,
  change: Extract<AlterTypeStatement['change'], { kind: 'rename' }>,
): UdtType {
  const fields = [...type.fields]
  for (const { from, to } of change.renames) {
    const index = fields.findIndex((field) => field.name === from)
    if (index === -1) {
      if (change.ifExists) continue
      throw invalid(`Unkown field ${from} in user type ${qualifiedText(type)}`)
    }
    fields[index] = { ...fields[index]!, name: to }
  }
  for (const field of fields) {
    if (fields.filter((each) => each.name === field.name).length > 1) {
      // AlterTypeStatement passes the keyspace where its message wants the type.
      throw invalid(`Duplicate field name ${field.name} in type ${type.keyspace}`)
    }
  }
  return { ...type, fields }
}

/** The keyspace with a new definition of a type wherever it is used. */
function replaceEverywhere(keyspace: KeyspaceSchema, type: UdtType): KeyspaceSchema {
  const types = new Map(
    [...keyspace.types].map(([name, each]) => [name, replaceUserType(each, type) as UdtType]),
  )
  const tables = new Map(
    [...keyspace.tables].map(([name, entry]) => {
      const before = [...entry.schema.columns.values()]
      if (!before.some((column) => refersToUserType(column.type, type.name))) return [name, entry]
      const columns = before.map((column) => {
        return { ...column, type: replaceUserType(column.type, type) }
      })
      return [name, { ...entry, schema: createTableSchema({ ...entry.schema, columns }) }]
    }),
  )
  return { ...keyspace, types, tables }
}

export function dropType(schema: Schema, statement: DropStatement, keyspaceName: string): Schema {
  const { name } = statement.name
  const keyspace = schema.keyspaces.get(keyspaceName)
  if (keyspace === undefined || !keyspace.types.has(name)) {
    if (statement.ifExists) return schema
    throw invalid(`Type '${keyspaceName}.${name}' doesn't exist`)
  }
  const text = `'${keyspaceName}.${name}'`
  const types = [...keyspace.types.values()]
    .filter((type) => type.name !== name && refersToUserType(type, name))
    .map((type) => type.name)
  if (types.length > 0) {
    throw invalid(
      `Cannot drop user type ${text} as it is still used by user types ${types.join(', ')}`,
    )
  }
  const tables = isUsedByTable(keyspace, name)
  if (tables.length > 0) {
    throw invalid(
      `Cannot drop user type ${text} as it is still used by tables ${tables.join(', ')}`,
    )
  }
  return withKeyspace(schema, { ...keyspace, types: withEntry(keyspace.types, name, undefined) })
}
