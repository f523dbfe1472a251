import type { Audience } from './audience.ts'
import { ASSERTION_ALGORITHMS, GRANT_TYPES } from './clients.ts'

/** Where the endpoints stand, below the issuer. */
export const PATHS = {
  authorization: '/auth',
  token: '/token',
  jwks: '/jwks',
  introspection: '/token/introspection',
  revocation: '/token/revocation',
  openidConfiguration: '/.well-known/openid-configuration',
  serverMetadata: '/.well-known/oauth-authorization-server',
} as const

const AUTH_METHODS = ['private_key_jwt', 'client_secret_basic', 'client_secret_post'] as const

export interface AuthorizationServerMetadata {
  readonly [member: string]: string | boolean | readonly string[]
}

/**
 * What discovery says, the same in both forms (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): what is built, and
 * nothing else. `authorization_endpoint` is there because both documents and existing clients require it; it supports
 * no response type.
 */
export function authorizationServerMetadata(
  issuer: string,
  audiences: readonly Audience[],
): AuthorizationServerMetadata {
  return {
    issuer,
    authorization_endpoint: `${issuer}${PATHS.authorization}`,
    token_endpoint: `${issuer}${PATHS.token}`,
    jwks_uri: `${issuer}${PATHS.jwks}`,
    introspection_endpoint: `${issuer}${PATHS.introspection}`,
    revocation_endpoint: `${issuer}${PATHS.revocation}`,
    response_types_supported: [],
    grant_types_supported: GRANT_TYPES,
    scopes_supported: [...new Set(audiences.flatMap(({ scopes }) => scopes))],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: AUTH_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    // Left out, these two would mean yes (OpenID Connect Discovery 1.0 §3).
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  }
}

/** What a resource of ours says about itself (RFC 9728 §2). `resource` is the URL that clients call. */
export function protectedResourceMetadata(
  issuer: string,
  resource: string,
  scopes: readonly string[],
): AuthorizationServerMetadata {
  return {
    resource,
    authorization_servers: [issuer],
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
  }
}

/** Where the metadata of `resource` is found (RFC 9728 §3.1): the well-known part comes before the path. */
export function protectedResourceMetadataUrl(resource: string): string {
  const url = new URL(resource)
  return `${url.origin}/.well-known/oauth-protected-resource${url.pathname === '/' ? '' : url.pathname}`
}
