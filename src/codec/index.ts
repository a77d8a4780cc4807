export { BindPlan, type BindPlanSource } from './bind-plan.ts'
export { CellOp, Codec, type CodecOptions, valueKind } from './codec.ts'
export { codecOf, decodeValue, encodeValue } from './codec-of-type.ts'
