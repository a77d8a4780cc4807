/** Longest TTL that servers accept, in seconds: twenty years (Cassandra: Attributes.MAX_TTL). */
export const ttlSecondsMax = 630_720_000

/**
 * 2038-01-19T03:14:06Z in seconds since the epoch: the last expiration that Cassandra 5 stores as
 * long as its files can be read by Cassandra 4 (storage_compatibility_mode;
 * Cell.MAX_DELETION_TIME_2038_LEGACY_CAP). It refuses later ones.
 */
export const expirationSecondsMax: number = 2 ** 31 - 2
