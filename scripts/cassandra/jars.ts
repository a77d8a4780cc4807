import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const cassandraVersion = '5.0.9'

/** Why a real Cassandra cannot run here, or `undefined` when it can. */
export function missingTools(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' })
  if (java.error !== undefined) return 'java is not on the PATH (Cassandra 5 needs Java 17)'
  const version = /version "(\d+)/.exec(java.stderr)?.[1]
  if (version !== '17') return `java is version ${version ?? 'unknown'}, Cassandra 5 needs 17`
  if (existsSync(join(jarFolder(), `cassandra-all-${cassandraVersion}.jar`))) return undefined
  const maven = spawnSync('mvn', ['-v'], { encoding: 'utf8' })
  return maven.error === undefined
    ? undefined
    : 'mvn is not on the PATH (Maven downloads Cassandra)'
}

function jarFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(cache, 'tsylla', `cassandra-${cassandraVersion}`)
}

const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tsylla</groupId><artifactId>cassandra</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId>
    <version>${cassandraVersion}</version>
  </dependency></dependencies>
</project>
`

/** Fetches Cassandra's jars from Maven Central, once per user. Returns their folder. */
export function fetchJars(): string {
  const folder = jarFolder()
  if (existsSync(join(folder, `cassandra-all-${cassandraVersion}.jar`))) return folder
  mkdirSync(dirname(folder), { recursive: true })
  // Downloaded to another folder and renamed, so that an interrupted download never looks complete.
  const aside = mkdtempSync(join(dirname(folder), 'fetch-'))
  try {
    writeFileSync(join(aside, 'pom.xml'), pom)
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
    const maven = spawnSync(
      'mvn',
      [
        '-B',
        '-q',
        '-f',
        join(aside, 'pom.xml'),
        plugin,
        '-DincludeScope=runtime',
        '-DoutputDirectory=lib',
      ],
      { cwd: aside, encoding: 'utf8' },
    )
    if (maven.status !== 0) throw new Error(`mvn failed:\n${maven.stdout}\n${maven.stderr}`)
    if (!existsSync(folder)) renameSync(join(aside, 'lib'), folder)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return folder
}
