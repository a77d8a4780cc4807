/** Options of `instrumentTsylla`. */
export interface OtelOptions {
  /** Whether spans are made. Default `true`. */
  readonly traces?: boolean | undefined
  /** Whether metrics are recorded. Default `true`. */
  readonly metrics?: boolean | undefined
  /**
   * Value of `db.system.name`. Default: `scylladb` for nodes of ScyllaDB, otherwise `cassandra`.
   */
  readonly systemName?: string | undefined
  /** Whether spans have `db.query.text`: with `?` instead of literals. Default `true`. */
  readonly queryText?: boolean | undefined
  /** Whether calls without an active span get none. Default `false`. */
  readonly requireParent?: boolean | undefined
}
