import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function openssl(folder: string, ...args: string[]): void {
  const run = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`openssl ${args[0]} failed: ${run.stderr || run.error}`)
}

const newKey = ['-newkey', 'rsa:2048', '-nodes']

/** Makes `name.key` and `name.pem`, the certificate of an authority. Returns the path of it. */
export function makeAuthority(folder: string, name: string): string {
  openssl(
    folder,
    ...['req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.pem`],
    ...['-days', '365', '-subj', `/CN=test-${name}`],
  )
  return join(folder, `${name}.pem`)
}

export interface CertificateOptions {
  /** Name of the authority that signs; its own key does by default. */
  readonly authority?: string
  /** Whom it is for: `IP:…`, `DNS:…`. */
  readonly names?: readonly string[]
  readonly commonName?: string
  /** Days until it expires; negative when it has. Default 365. */
  readonly days?: number
  /** What it may be used for, as `extendedKeyUsage` spells it. */
  readonly usage?: string
}

/** Makes `name.key` and `name.crt`. */
export function makeCertificate(folder: string, name: string, options: CertificateOptions): void {
  const { authority, names = [], commonName = 'server', days = 365, usage } = options
  openssl(
    folder,
    ...['req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`],
    ...['-subj', `/CN=${commonName}`],
  )
  const extensions = [
    ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
    ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
  ]
  writeFileSync(join(folder, `${name}.ext`), `${extensions.join('\n')}\n`)
  const signer =
    authority === undefined
      ? ['-signkey', `${name}.key`]
      : ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial']
  openssl(
    folder,
    ...['x509', '-req', '-in', `${name}.csr`, ...signer, '-days', String(days)],
    ...['-out', `${name}.crt`, '-extfile', `${name}.ext`],
  )
}

/** Makes a CA and a certificate for `names` (`IP:…`, `DNS:…`). Returns the path of the CA. */
export function makeCertificates(folder: string, names: readonly string[]): string {
  const ca = join(folder, 'ca.pem')
  if (existsSync(ca)) return ca
  makeAuthority(folder, 'ca')
  makeCertificate(folder, 'server', { authority: 'ca', names })
  const parts = ['server.key', 'server.crt', 'ca.pem'].map((name) =>
    readFileSync(join(folder, name)),
  )
  writeFileSync(join(folder, 'server.pem'), Buffer.concat(parts))
  return ca
}
