export type {
  CellChange,
  Change,
  Mutation,
  PartitionDeletion,
  RangeDeletion,
  RowChange,
  RowDeletion,
} from './mutation.ts'
export { openRowStore } from './open-row-store.ts'
export type {
  ClusteringSlice,
  Elements,
  PartitionReadOptions,
  RowReadOptions,
  RowCursor,
  RowReader,
  RowSnapshot,
  RowStore,
  RowView,
  ScanOptions,
  TokenBound,
} from './reader.ts'
export type { ChangedRow, RowChangeListener } from './row-change-listener.ts'
