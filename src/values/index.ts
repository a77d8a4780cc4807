export { ByteWriter, copyBytes } from './byte-writer.ts'
export { compareValues } from './compare.ts'
export { hasPart, mapEntry, setElement, sliceOf, ValueSet } from './find.ts'
export { sortedCollection, sortedMap, sortedSet } from './normalize.ts'
export {
  doubleBytes,
  floatBytes,
  int32Bytes,
  int32Of,
  int64Bytes,
  int64Of,
  readDecimal,
  readLongAsNumber,
  readVarint,
  textBytes,
  varintBytes,
} from './numbers.ts'
export {
  collectionBytes,
  concatCells,
  PartCursor,
  splitCollection,
  splitFields,
  splitVector,
  vectorBytes,
  type WireElements,
} from './split.ts'
export { fixedLength, isEmptyOrdinary, isSorted } from './type-traits.ts'
export { valueFault } from './validate.ts'
export {
  putUnsignedVint,
  readUnsignedVint,
  unzigzag,
  vintBytesMax,
  vintLength,
  zigzag,
} from './vint.ts'
