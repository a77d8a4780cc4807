export type {
  AggregateMetadata,
  ColumnMetadata,
  FunctionMetadata,
  IndexMetadata,
  KeyspaceMetadata,
  RelationMetadata,
  TableMetadata,
  ViewMetadata,
  VirtualKeyspaceMetadata,
  VirtualTableMetadata,
} from './schema-descriptions.ts'
export { SchemaMetadata } from './schema-metadata.ts'
