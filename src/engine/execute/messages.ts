/* Error messages of Cassandra that several modules of execution use. */

export const aggregationWithoutKey = 'Aggregation query used without partition key'
export const aggregationOverKeys =
  'Aggregation query used on multiple partition keys (IN restriction)'
export const limitNotPositive = 'LIMIT must be strictly positive'
export const pagingStateInvalid = 'Invalid value for the paging state'
