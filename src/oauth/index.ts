export { type Audience, covers } from './audience.ts'
export {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  createAuthorizationServer,
} from './authorization-server.ts'
export { type Authenticated, isUnidentified } from './bearer.ts'
export { OAuthError, type OAuthErrorCode } from './errors.ts'
export type { AuthorizationServerMetadata } from './metadata.ts'
export type { RecordToken, TokenEvent } from './token-event.ts'
export type { VerifiedToken } from './verify-token.ts'
