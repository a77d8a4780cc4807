export { FaultProxy, type FaultProxyOptions } from './fault-proxy.ts'
export type {
  FaultKind,
  FaultRule,
  InjectedFault,
  ProxiedFrame,
  RequestName,
} from './fault-rule.ts'
export type { ForgedError, ForgedErrorName, InjectedEvent } from './forged-frames.ts'
export { foldInvariant, type HistoryOperation, type Violation } from './history.ts'
export {
  type CheckOptions,
  checkLinearizable,
  type HistoryModel,
  HistoryTooComplexError,
  type LinearizabilityResult,
} from './linearizability.ts'
export { ManualClock } from './manual-clock.ts'
export {
  ProcessRun,
  ProcessRunError,
  runProcesses,
  type RunProcessesOptions,
} from './process-run.ts'
export type { FaultProxyCounters } from './proxied-connection.ts'
export {
  SimulatedCluster,
  type SimulatedClusterOptions,
  type SimulatedNodeOptions,
} from './simulated-cluster.ts'
export type { SimulatedNode, SimulatedNodeCounters } from './simulated-node.ts'
export type { SimulatedReplica, SimulatedTablet } from './tablet-map.ts'
export { SkewedClock } from './skewed-clock.ts'
export { type Worker, worker } from './worker.ts'
export { type WorkerExit, WorkerProcess } from './worker-process.ts'
