import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from '../../scripts/cassandra/certificates.ts'
import type { CloudOptions } from '../../src/index.ts'
import type { Identity } from '../support/sni-proxy.ts'
import { makeZip, type ZipPart } from '../support/zip.ts'

export interface Authority {
  readonly ca: Buffer
  readonly identity: Identity
}

/** Makes an authority, and a certificate for the names (`DNS:…`, `IP:…`). */
export function makeAuthority(...names: readonly string[]): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'tsylla-cloud-'))
  try {
    const ca = readFileSync(makeCertificates(folder, names))
    const cert = readFileSync(join(folder, 'server.crt'))
    return { ca, identity: { cert, key: readFileSync(join(folder, 'server.key')) } }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

type ScyllaBundle = Exclude<CloudOptions['bundle'], string | Uint8Array>

/** A bundle of ScyllaDB for proxies by name of the data center; the first one is local. */
export function scyllaBundle(
  ports: { readonly [dataCenter: string]: number },
  { ca, identity }: Authority,
): ScyllaBundle {
  const base64 = (bytes: Buffer): string => bytes.toString('base64')
  const [datacenterName = ''] = Object.keys(ports)
  return {
    kind: 'CQLConnectionConfig',
    apiVersion: 'cqlclient.scylla.scylladb.com/v1alpha1',
    datacenters: Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [
        name,
        {
          certificateAuthorityData: base64(ca),
          server: `127.0.0.1:${port}`,
          nodeDomain: `${name}.cql.test`,
          insecureSkipTlsVerify: false,
        },
      ]),
    ),
    authInfos: {
      default: {
        clientCertificateData: base64(identity.cert),
        clientKeyData: base64(identity.key),
        username: 'scylla',
        password: 'secret',
      },
    },
    contexts: { default: { datacenterName, authInfoName: 'default' } },
    currentContext: 'default',
    parameters: { defaultConsistency: 'QUORUM', defaultSerialConsistency: 'SERIAL' },
  }
}

/** The entries of a secure connect bundle of Astra DB. */
export function astraParts(
  port: number,
  { ca, identity }: Authority,
  config: object = {},
): readonly ZipPart[] {
  const text = JSON.stringify({
    host: '127.0.0.1',
    port,
    cql_port: 29_080,
    keyspace: 'app',
    localDC: 'dc1',
    caCertLocation: './ca.crt',
    keyLocation: './key',
    certLocation: './cert',
    keyStoreLocation: './identity.jks',
    ...config,
  })
  return [
    { name: 'ca.crt', data: ca },
    { name: 'cert', data: identity.cert },
    { name: 'key', data: identity.key },
    { name: 'identity.jks', data: 'a key store for Java', isStored: true },
    { name: 'config.json', data: text },
  ]
}

export const astraBundle = (port: number, authority: Authority, config: object = {}): Buffer =>
  makeZip(astraParts(port, authority, config))
