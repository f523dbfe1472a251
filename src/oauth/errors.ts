import { SallyportError } from '../kernel/index.ts'

export type OAuthErrorCode = 'no_credentials' | 'invalid_token'

/** Why a caller is not let in. Whatever is wrong with a credential, `invalid_token` says the same to the caller. */
export class OAuthError extends SallyportError<OAuthErrorCode> {}

export function invalidToken(detail: string, cause?: unknown): OAuthError {
  return new OAuthError('invalid_token', 'the credential is not valid', { detail, cause })
}
