import ts from 'typescript'
import { expect, test } from 'vitest'
import { type SourceFile, sourceFiles } from './source.ts'

/** Names a module declares and exports; names that it exports from elsewhere do not count. */
function exportedNames({ ast }: SourceFile): Set<string> {
  const names = new Set<string>()
  for (const statement of ast.statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (isExported !== true) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.add(name.getText(ast))
    } else if ('name' in statement && statement.name !== undefined) {
      names.add((statement.name as ts.Identifier).text)
    }
  }
  return names
}

test('no two modules of src export the same name', () => {
  const modules = new Map<string, string[]>()
  for (const file of sourceFiles('src')) {
    for (const name of exportedNames(file)) {
      modules.set(name, [...(modules.get(name) ?? []), file.path])
    }
  }
  expect([...modules].filter(([, paths]) => paths.length > 1)).toEqual([])
})
