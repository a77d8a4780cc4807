/**
 * `npm run api`: compares what each entry point exports with the report in `docs/api`, so that no
 * change of the public surface goes unnoticed. `--write` updates the reports. Reads `dist`.
 */
import { Extractor, ExtractorConfig, type IConfigFile } from '@microsoft/api-extractor'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publicEntries } from './entries.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const isWriting = process.argv.includes('--write')
const temporary = mkdtempSync(join(tmpdir(), 'tsylla-api-'))

/** Reports are in one folder. */
function reportNameOf(entry: string): string {
  return entry.replaceAll('/', '-')
}

function configOf(entry: string): IConfigFile {
  const silent = { default: { logLevel: 'none' as const } } as never
  return {
    projectFolder: root,
    newlineKind: 'lf',
    mainEntryPointFilePath: `<projectFolder>/dist/${entry}.d.mts`,
    compiler: { tsconfigFilePath: '<projectFolder>/test/public-types/tsconfig.json' },
    apiReport: {
      enabled: true,
      reportFileName: reportNameOf(entry),
      reportFolder: '<projectFolder>/docs/api',
      reportTempFolder: temporary,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: silent,
      extractorMessageReporting: silent,
      tsdocMessageReporting: silent,
    },
  }
}

for (const entry of publicEntries) {
  const config = ExtractorConfig.prepare({
    configObject: configOf(entry),
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  })
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: isWriting,
    messageCallback: (message) => {
      message.handled = true
    },
  })
  if (apiReportChanged && !isWriting) {
    console.error(
      `The exports of ${entry} differ from docs/api/${reportNameOf(entry)}.api.md: npm run api -- --write`,
    )
    process.exitCode = 1
  }
}
rmSync(temporary, { recursive: true, force: true })
