import { configurationError } from '../../errors.ts'

/**
 * A policy of speculative retry as Cassandra writes it (SpeculativeRetryPolicy). Nothing is retried
 * by one node; the text is kept for those who read the schema.
 */
export function retryPolicyText(text: string): string {
  const name = text.toUpperCase()
  if (name === 'ALWAYS') return 'ALWAYS'
  if (name === 'NEVER' || name === 'NONE') return 'NEVER'
  const single = /^([0-9.]+)(p|percentile|ms)$/i.exec(text)
  if (single !== null) return singlePolicy(text, Number(single[1]), single[2]!.toLowerCase())
  const hybrid = /^(min|max)\(([0-9.]+[a-z]+)\s*,\s*([0-9.]+[a-z]+)\)$/i.exec(text)
  if (hybrid === null) throw invalidPolicy(text)
  return hybridPolicy(text, hybrid[1]!.toUpperCase(), hybrid[2]!, hybrid[3]!)
}

function invalidPolicy(text: string): Error {
  return configurationError(`Invalid value ${text} for option 'speculative_retry'`)
}

function singlePolicy(text: string, value: number, unit: string): string {
  if (Number.isNaN(value)) throw invalidPolicy(text)
  if (unit === 'ms') return `${Math.min(Math.trunc(value), 0x7fffffff)}ms`
  if (value <= 0 || value >= 100) {
    throw configurationError(
      `Invalid value ${text} for PERCENTILE option 'speculative_retry': must be between (0.0 and 100.0)`,
    )
  }
  return `${Number(value.toFixed(4))}p`
}

function hybridPolicy(text: string, name: string, first: string, second: string): string {
  let policies: string[]
  try {
    policies = [retryPolicyText(first), retryPolicyText(second)]
  } catch {
    throw invalidPolicy(text)
  }
  const kinds = policies.map((policy) => (policy.endsWith('ms') ? 'FIXED' : 'PERCENTILE'))
  if (kinds[0] === kinds[1]) {
    throw configurationError(
      `Invalid value ${text} for option 'speculative_retry': MIN()/MAX() arguments should be of different types, but both are of type ${kinds[0]}`,
    )
  }
  const [percentile, fixed] = kinds[0] === 'PERCENTILE' ? policies : policies.reverse()
  return `${name}(${percentile},${fixed})`
}
