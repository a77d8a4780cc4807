import { ConfigError } from '../../errors/index.ts'
import {
  checkInteger,
  checkOneOf,
  checkOptions,
  type TimeSpan,
  toMilliseconds,
} from '../../kernel/index.ts'
import { type AlgorithmName, algorithms, type CountedRule } from './algorithms.ts'

/** How many units may be taken, and in what time. */
export interface RateLimitRule {
  /** Units per window, a whole number from 0. */
  readonly limit: number
  /** Length of the window, from a second to 366 days. Default `'1m'`. */
  readonly per?: TimeSpan | undefined
  /**
   * - `fixed`: windows between fixed points in time. Around the end of a window twice the limit can
   *   be admitted within the length of one.
   * - `sliding`: no window of the length holds more than the limit, whenever it begins. Units
   *   return up to a twentieth of the window late.
   * - `gcra`: units return one by one, evenly; up to `burst` can be taken at once.
   *
   * Default `fixed`.
   */
  readonly algorithm?: AlgorithmName | undefined
  /** Units that may be taken at once; for `gcra` only. Default `limit`. */
  readonly burst?: number | undefined
}

/** A rule whose options are checked. */
export interface CheckedRule extends CountedRule {
  readonly algorithm: AlgorithmName
  /** Name of its counts in a row. Rules of one name share counts, whatever their limits are. */
  readonly id: string
}

const windowMsMin = 1_000
const windowMsMax = 366 * 86_400_000
const ruleCountMax = 16
/** `gcra` counts microseconds per unit. */
const gcraUnitsPerMsMax = 1_000

/** @throws ConfigError */
export function checkRules(what: string, rules: readonly RateLimitRule[]): readonly CheckedRule[] {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > ruleCountMax) {
    throw new ConfigError(`${what} must be a list of 1 to ${ruleCountMax} rules`)
  }
  const checked = rules.map((rule) => checkRule(what, rule))
  if (new Set(checked.map(({ id }) => id)).size < checked.length) {
    throw new ConfigError(`Two of ${what} have the same window and algorithm`)
  }
  return checked
}

/** @throws ConfigError */
export function checkRule(what: string, rule: RateLimitRule): CheckedRule {
  checkOptions(what, rule, { limit: true, per: true, algorithm: true, burst: true })
  const { per = '1m' } = rule
  const limit = checkInteger('limit', rule.limit, 0, Number.MAX_SAFE_INTEGER)
  const windowMs = toMilliseconds('per', per, windowMsMin, windowMsMax)
  const names = Object.keys(algorithms) as AlgorithmName[]
  const algorithm = checkOneOf('algorithm', rule.algorithm ?? 'fixed', names)
  const burst = burstOf(algorithm, limit, rule.burst)
  if (algorithm === 'gcra' && Math.max(limit, burst) > windowMs * gcraUnitsPerMsMax) {
    throw new ConfigError('limit and burst of gcra must be at most one unit per microsecond of per')
  }
  return { algorithm, id: `${algorithm}/${windowMs}`, limit, windowMs, burst }
}

/** What the id of a rule says; `undefined` when it is none that this version knows. */
export function partsOfId(
  id: string,
): { readonly algorithm: AlgorithmName; readonly windowMs: number } | undefined {
  const [algorithm = '', windowMs = ''] = id.split('/')
  if (!Object.hasOwn(algorithms, algorithm) || !/^\d{1,12}$/.test(windowMs)) return undefined
  return { algorithm: algorithm as AlgorithmName, windowMs: Number(windowMs) }
}

/** Whether an id is that of a rule, with a limit, in rows of earlier versions: `gcra/60000/10`. */
export function isEarlierIdOf({ algorithm, id }: CheckedRule, other: string): boolean {
  return algorithm === 'gcra' && other.startsWith(`${id}/`)
}

/** @throws ConfigError when a strategy cannot count by these rules */
export function checkStrategy(
  strategy: 'exact' | 'quorum' | 'local',
  rules: readonly CheckedRule[],
): void {
  if (strategy === 'exact' || (rules.length === 1 && rules[0]?.algorithm === 'fixed')) return
  throw new ConfigError(
    `The strategy ${strategy} counts one rule of the algorithm fixed: several rules, and other algorithms, need the strategy exact`,
  )
}

/** The most units that a rule ever admits at once. */
export function mostAtOnce({ algorithm, limit, burst }: CheckedRule): number {
  return algorithm === 'gcra' && limit > 0 ? burst : limit
}

function burstOf(algorithm: AlgorithmName, limit: number, burst: number | undefined): number {
  if (burst === undefined) return limit
  if (algorithm === 'gcra') return checkInteger('burst', burst, 1, Number.MAX_SAFE_INTEGER)
  throw new ConfigError(`burst is an option of gcra: ${algorithm} admits the limit at once`)
}
