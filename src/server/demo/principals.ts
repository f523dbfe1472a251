import { exportJWK, generateKeyPair } from 'jose'

/** Who of the demo gets which credential. Gateway keys are for clients that can only hold one static secret. */
export const DEMO_CREDENTIALS: readonly {
  readonly id: string
  readonly section: 'users' | 'services' | 'agents'
  readonly key?: true
  readonly gatewayKey?: readonly ('models' | 'tools')[]
}[] = [
  { id: 'olivia', section: 'users', key: true },
  { id: 'alice', section: 'users', key: true },
  { id: 'research-assistant', section: 'agents', key: true },
  { id: 'inference-client', section: 'services', key: true, gatewayKey: ['models', 'tools'] },
  { id: 'rollout', section: 'services', key: true },
  { id: 'chat-app', section: 'services', gatewayKey: ['models'] },
]

/** A new ES256 key pair as JWKs, the public one for the directory. */
export async function newKeyPair(): Promise<{ readonly privateJwk: object; readonly publicJwk: object }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const kid = crypto.randomUUID()
  return {
    privateJwk: { ...(await exportJWK(privateKey)), kid, alg: 'ES256' },
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
  }
}
