export { isSharedInstance, shareAcrossBuilds } from './across-builds.ts'
export { asBuffer, isBytes } from './bytes.ts'
export { assert, exhaustive } from './assert.ts'
export { type Clock, sleep, systemClock, type Timer } from './clock.ts'
export { createDeferred, type Deferred } from './deferred.ts'
export { didYouMean, nearestName } from './nearest-name.ts'
export { importPackage, missingPackage } from './optional-package.ts'
export { createRandom, type RandomSource, systemRandom } from './random.ts'
export {
  nextTickOfSystem,
  type Runtime,
  runtimeWithClock,
  setImmediateOfSystem,
  systemRuntime,
} from './runtime.ts'
export { RingQueue } from './ring-queue.ts'
