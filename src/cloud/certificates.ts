import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { ConfigError } from '../errors/index.ts'

/** What a bundle gives for TLS, in PEM. */
export interface TlsIdentity {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Returns an error that names a part of the bundle. */
type Fault = (reason: string, cause?: unknown) => ConfigError

/** @throws ConfigError unless it is a certificate in PEM */
export function checkCertificate(pem: Buffer, fault: Fault): Buffer {
  try {
    // Without an armour the constructor would read DER, which TLS does not take here.
    if (!pem.includes('-----BEGIN ')) throw new Error('it does not begin with -----BEGIN')
    void new X509Certificate(pem)
  } catch (error) {
    throw fault('is no certificate in PEM', error)
  }
  return pem
}

/** @throws ConfigError unless the key is that of the certificate, which has been checked */
export function checkIdentity(identity: TlsIdentity, fault: Fault): TlsIdentity {
  let isPair: boolean
  try {
    isPair = new X509Certificate(identity.cert).checkPrivateKey(createPrivateKey(identity.key))
  } catch (error) {
    // The message of OpenSSL says what is wrong with the encoding, and shows nothing of the key.
    throw fault('is no private key in PEM', error)
  }
  if (!isPair) throw fault('is not the key of the certificate')
  return identity
}
