import type { PreparedStatement } from './prepared-statement.ts'
import type { BindValues, Statement } from './statement.ts'

// They exist in types only, so that the compiler can infer what the rows of a statement have.
declare const columnsType: unique symbol
declare const valuesType: unique symbol

/** `T`, where the compiler does not infer what `T` is: the statement says it. */
export type NotInferred<T> = [T][T extends unknown ? 0 : never]

/** A statement whose author has declared the columns of its rows. They are not checked. */
export type TypedStatement<Columns> = Statement & { readonly [columnsType]: Columns }

/** A prepared statement with declared columns of its rows and declared bind values. */
export type TypedPreparedStatement<
  Columns,
  Values extends BindValues = BindValues,
> = PreparedStatement & { readonly [columnsType]: Columns; readonly [valuesType]: Values }
