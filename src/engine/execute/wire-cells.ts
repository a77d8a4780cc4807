import type { ColumnSchema } from '../catalog/table-schema.ts'
import type { RowContext } from '../evaluate/row-context.ts'
import type { Cell } from '../functions/definitions.ts'
import type { ByteWriter } from '../../values/index.ts'

export function writeCell(sink: ByteWriter, cell: Cell): void {
  if (cell === null) {
    sink.writeInt(-1)
    return
  }
  sink.writeInt(cell.length)
  sink.write(cell, 0, cell.length)
}

/** Copies columns of a row unchanged, without an object per column. */
export function writePassthroughRow(
  sink: ByteWriter,
  columns: readonly ColumnSchema[],
  context: RowContext,
): void {
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i]!
    const row = column.kind === 'static' ? context.statics : context.row
    switch (column.kind) {
      case 'partition_key':
        writeCell(sink, context.partition[column.position]!)
        break
      case 'clustering': {
        const start = row === undefined ? -1 : row.clusteringStart(column.position)
        if (start < 0) {
          sink.writeInt(-1)
          break
        }
        const end = row!.clusteringEnd(column.position)
        sink.writeInt(end - start)
        sink.write(row!.clusteringBytes, start, end)
        break
      }
      default: {
        if (column.isComplex) {
          writeCell(sink, row?.complexValue(column) ?? null)
          break
        }
        const start = row === undefined ? -1 : row.start(column.id)
        // The length precedes the value.
        if (start < 0) sink.writeInt(-1)
        else sink.write(row!.bytes, start - 4, row!.end(column.id))
      }
    }
  }
}
