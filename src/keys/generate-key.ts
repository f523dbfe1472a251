import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'

export type Purpose = 'signing' | 'log' | 'log-quantum' | 'log-bodies' | 'data'

export interface GeneratedKey {
  readonly id: string
  readonly algorithm: 'ES256' | 'Ed25519' | 'ML-DSA-44' | 'A256GCM'
  readonly publicJwk: Readonly<Record<string, unknown>> | undefined
  /** PKCS #8 of a key pair, the raw bytes of a secret key. */
  readonly secret: Buffer
}

/** Makes the key of a purpose. The id of a key pair is the RFC 7638 thumbprint of its public half. */
export function generateKey(purpose: Purpose): GeneratedKey {
  return GENERATE[purpose]()
}

const GENERATE: Readonly<Record<Purpose, () => GeneratedKey>> = {
  signing: () => pair('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  log: () => pair('Ed25519', generateKeyPairSync('ed25519')),
  'log-quantum': () => {
    const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-44')
    const id = createHash('sha256')
      .update(publicKey.export({ format: 'der', type: 'spki' }))
      .digest('base64url')
    const secret = privateKey.export({ format: 'der', type: 'pkcs8' })
    return { id, algorithm: 'ML-DSA-44', publicJwk: undefined, secret }
  },
  'log-bodies': secretKey,
  data: secretKey,
}

function secretKey(): GeneratedKey {
  return {
    id: randomBytes(16).toString('base64url'),
    algorithm: 'A256GCM',
    publicJwk: undefined,
    secret: randomBytes(32),
  }
}

function pair(algorithm: 'ES256' | 'Ed25519', keys: { publicKey: KeyObject; privateKey: KeyObject }): GeneratedKey {
  const publicJwk = keys.publicKey.export({ format: 'jwk' })
  // RFC 7638 §3.2: the required members only, in lexicographic order, without white space
  const { crv, kty, x, y } = publicJwk
  const id = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  return { id, algorithm, publicJwk, secret: keys.privateKey.export({ format: 'der', type: 'pkcs8' }) }
}
