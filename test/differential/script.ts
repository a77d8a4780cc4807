/**
 * One statement of a script and how it is run. Scripts are CQL files; a line comment that begins
 * with `@` says more about the statement that follows:
 *
 *   -- @page 3            read with that page size, compare page by page
 *   -- @bind [1, "x"]     prepare and bind these JSON values by position
 *   -- @prepare           prepare only, compare markers and result columns
 *   -- @unordered         compare rows as a set
 */
export interface ScriptStatement {
  readonly line: number
  readonly text: string
  readonly pageSize: number | undefined
  readonly values: readonly unknown[] | undefined
  readonly isPreparedOnly: boolean
  readonly isUnordered: boolean
}

/** Splits a script at semicolons that end a line; BATCH … APPLY BATCH stays one statement. */
export function parseScript(source: string): ScriptStatement[] {
  const statements: ScriptStatement[] = []
  let directives = new Map<string, string>()
  let lines: string[] = []
  let startLine = 0
  for (const [index, line] of source.split('\n').entries()) {
    const directive = /^--\s*@(\w+)\s*(.*)$/.exec(line)
    if (directive !== null) {
      directives.set(directive[1]!, directive[2]!)
      continue
    }
    if (lines.length === 0 && (line.trim() === '' || line.startsWith('--'))) continue
    if (lines.length === 0) startLine = index + 1
    lines.push(line)
    const isInsideBatch =
      /^\s*BEGIN\b/i.test(lines[0]!) && !/APPLY\s+BATCH\s*;\s*$/i.test(lines.join('\n'))
    if (!line.trimEnd().endsWith(';') || isInsideBatch) continue
    const text = lines.join('\n').trim().replace(/;$/, '')
    statements.push(toStatement(startLine, text, directives))
    directives = new Map()
    lines = []
  }
  if (lines.length > 0) throw new Error(`the statement of line ${startLine} has no end`)
  return statements
}

function toStatement(
  line: number,
  text: string,
  directives: ReadonlyMap<string, string>,
): ScriptStatement {
  const bind = directives.get('bind')
  const page = directives.get('page')
  return {
    line,
    text,
    pageSize: page === undefined ? undefined : Number(page),
    values: bind === undefined ? undefined : (JSON.parse(bind) as unknown[]),
    isPreparedOnly: directives.has('prepare'),
    isUnordered: directives.has('unordered'),
  }
}
