export { comparableKey } from './comparable-bytes.ts'
export { ComparableReader, isRecoverable } from './comparable-decode.ts'
export { compareValues } from './compare-values.ts'
export { hasPart, mapEntry } from './find-part.ts'
export {
  boundAfter,
  boundBefore,
  type ClusteringBound,
  type ClusteringKey,
  clusteringKeyOf,
  partitionComponents,
  partitionEnd,
  PartitionEntry,
  type PartitionKey,
  partitionKeyOf,
  partitionKeyOfBytes,
  partitionOfPrefix,
  prefixLength,
  StoreTag,
  tableRange,
  tokenPlace,
} from './table-key.ts'
export { splitCollection, splitFields, splitVector, type WireElements } from './wire-elements.ts'
