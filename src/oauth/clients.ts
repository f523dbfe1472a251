import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Directory } from '../identity/index.ts'

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** The grants that every client may use; what it may do with the token is decided where the token is used. */
export const GRANT_TYPES = ['client_credentials', TOKEN_EXCHANGE] as const

/** Signatures that client assertions may have; the types of key that the directory registers. */
export const ASSERTION_ALGORITHMS = ['ES256', 'Ed25519', 'EdDSA', 'PS256'] as const

/**
 * The storage that oidc-provider asks for: clients are principals of the directory, and nothing else is ever stored,
 * because no grant is on that would need it.
 */
export function clientAdapter(directory: Directory): (model: string) => Adapter {
  return (model) => ({
    find: async (id) => (model === 'Client' ? clientOf(id, directory) : undefined),
    findByUserCode: async () => undefined,
    findByUid: async () => undefined,
    upsert: async () => refuse(model),
    consume: async () => refuse(model),
    destroy: async () => refuse(model),
    revokeByGrantId: async () => refuse(model),
  })
}

/** A principal that may act and has a way to prove who it is; for anybody else there is no client. */
function clientOf(id: string, directory: Directory): AdapterPayload | undefined {
  if (!directory.inGoodStanding(id)) return undefined
  const keys = directory.registeredKeys(id)
  const client = { client_id: id, grant_types: [...GRANT_TYPES], response_types: [], redirect_uris: [] }
  if (keys.length > 0) return { ...client, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [...keys] } }
  if (!directory.hasClientSecret(id)) return undefined
  // oidc-provider wants a secret to be there; it is never compared, see `compareClientSecret` in provider.ts.
  return { ...client, token_endpoint_auth_method: 'client_secret_basic', client_secret: 'kept as a hash' }
}

function refuse(model: string): never {
  throw new Error(`the authorization server stores no ${model}`)
}
