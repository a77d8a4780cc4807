/** The distinct values of a column. */
export interface ColumnDictionary {
  /** By row: index of its value in `values`; −1 for null. */
  readonly codes: Int32Array
  /** The distinct values, in the order in which they first occur; never null. */
  readonly values: readonly unknown[]
}

/**
 * The rows of a result by column, for computations over many rows. A column is decoded when it is
 * asked for, and every call decodes it again. Of columns with the same name the last one counts, as
 * in rows.
 */
export interface ColumnarRows {
  /** Number of rows. */
  readonly length: number
  /** Column names in order, duplicates included. */
  readonly names: readonly string[]
  /**
   * Values of a double, float, int, smallint, tinyint, bigint or counter column, or the
   * milliseconds of timestamps. Null and empty values are NaN.
   *
   * @throws ConfigError for other types and names; DecodeError for a bigint beyond ±(2⁵³−1)
   */
  float64(name: string): Float64Array
  /**
   * Values of an int, smallint, tinyint or boolean (0 and 1) column. Null and empty values are 0:
   * see {@link nulls}.
   *
   * @throws ConfigError for other types and names
   */
  int32(name: string): Int32Array
  /**
   * Values of a bigint or counter column, or milliseconds of timestamps. Null and empty values are
   * 0: see {@link nulls}.
   *
   * @throws ConfigError for other types and names
   */
  bigInt64(name: string): BigInt64Array
  /**
   * The distinct values of a column of any type, each decoded once: for columns of few values.
   *
   * @throws ConfigError for other names
   */
  dictionary(name: string): ColumnDictionary
  /**
   * The values of a column of any type, as rows have them.
   *
   * @throws ConfigError for other names
   */
  values(name: string): unknown[]
  /**
   * By row: 1 for null, else 0.
   *
   * @throws ConfigError for other names
   */
  nulls(name: string): Uint8Array
}
