import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function openssl(folder: string, ...args: string[]): void {
  const run = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`openssl ${args[0]} failed: ${run.stderr || run.error}`)
}

/** Makes a CA and a certificate for `names` (`IP:…`, `DNS:…`). Returns the path of the CA. */
export function makeCertificates(folder: string, names: readonly string[]): string {
  const ca = join(folder, 'ca.pem')
  if (existsSync(ca)) return ca
  openssl(
    folder,
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem'],
    ...['-days', '365', '-subj', '/CN=test-ca'],
  )
  openssl(
    folder,
    ...['req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'server.key', '-out', 'server.csr'],
    ...['-subj', '/CN=server'],
  )
  writeFileSync(join(folder, 'server.ext'), `subjectAltName=${names.join(',')}\n`)
  openssl(
    folder,
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-CAcreateserial', '-days', '365', '-out', 'server.crt', '-extfile', 'server.ext'],
  )
  const parts = ['server.key', 'server.crt', 'ca.pem'].map((name) =>
    readFileSync(join(folder, name)),
  )
  writeFileSync(join(folder, 'server.pem'), Buffer.concat(parts))
  return ca
}
