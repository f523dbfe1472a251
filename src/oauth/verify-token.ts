import { hash } from 'node:crypto'
import { type JWTHeaderParameters, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Directory } from '../identity/index.ts'
import {
  type Caller,
  type Clock,
  errorText,
  type PrincipalRef,
  parseDelegationId,
  parsePrincipalId,
  parseTxn,
  type Txn,
} from '../kernel/index.ts'
import type { KeyRing } from '../keys/index.ts'
import { covers } from './audience.ts'
import { boundedCache } from './bounded-cache.ts'
import { invalidToken, OAuthError } from './errors.ts'
import type { Delegation, TokenState } from './token-state.ts'

/** An access token that holds: who acts for whom, how narrow, under which request id. */
export interface VerifiedToken {
  readonly caller: Caller
  readonly txn: Txn
  readonly audience: string
  readonly scope: readonly string[]
  readonly clientId: string
  readonly issuedAt: number
  /** The token's own id and delegation, and those it was derived from. */
  readonly lineage: readonly string[]
}

export interface TokenVerifier {
  /**
   * Accepts an access token of ours (RFC 9068) for `audience`, or for any where that is undefined. The signature of a
   * token is verified once; expiry, revocation and the standing of everybody in its chain are looked at each time.
   * Throws `OAuthError('invalid_token')` and never says why.
   */
  verify(token: string, audience: string | undefined): Promise<VerifiedToken>
  /**
   * The same without the standing: who it is. For requests that are decided next, so that the refusal of somebody
   * suspended is a decision with a reason and a record, like any other.
   */
  identify(token: string, audience: string): Promise<VerifiedToken>
}

export interface VerifierDeps {
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly directory: Directory
  readonly state: TokenState
  readonly clock: Clock
}

const MAX_LENGTH = 8 * 1024
const CACHED = 20_000

export function tokenVerifier(deps: VerifierDeps): TokenVerifier {
  const cache = boundedCache<VerifiedToken>(CACHED)
  const identify = async (token: string, audience: string | undefined): Promise<VerifiedToken> => {
    if (token.length > MAX_LENGTH) throw invalidToken('longer than 8 KiB')
    // By digest: the cache holds no token that could be used when it leaks.
    const key = hash('sha256', token, 'base64')
    const known = cache.get(key)
    const verified = known ?? (await verifyOnce(token, deps))
    const problem = problemNow(verified, audience, deps)
    if (problem !== undefined) throw problem
    if (known === undefined) cache.set(key, verified)
    return verified
  }
  return {
    identify,
    async verify(token, audience) {
      const verified = await identify(token, audience)
      for (const { id } of verified.caller.chain)
        if (!deps.directory.inGoodStanding(id)) throw invalidToken('suspended')
      return verified
    },
  }
}

/** What can change while a token lives. */
function problemNow(
  { caller, audience: granted, lineage }: VerifiedToken,
  audience: string | undefined,
  { clock, state }: VerifierDeps,
): OAuthError | undefined {
  if (caller.expiresAt <= clock.now()) return invalidToken('expired')
  if (audience !== undefined && !covers(granted, audience)) return invalidToken('for another audience')
  for (const id of lineage) if (state.isRevoked(id)) return invalidToken('revoked')
  return undefined
}

const claimsSchema = z.object({
  sub: z.string().transform((text) => parsePrincipalId(text)),
  client_id: z.string(),
  aud: z.string(),
  scope: z.string().default(''),
  txn: z.string().transform((text) => parseTxn(text)),
  jti: z.string().min(1),
  iat: z.number().int(),
  exp: z.number().int(),
  client_auth: z.enum(['private_key_jwt', 'client_secret']),
  delegation: z.string().optional(),
})

async function verifyOnce(token: string, deps: VerifierDeps): Promise<VerifiedToken> {
  const claims = await signedClaims(token, deps)
  const { txn, sub, delegation: delegationClaim } = claims
  if (txn === undefined || sub === undefined) throw invalidToken('claims that we do not issue')

  // INVARIANT: the chain is the one of the record; the claims of a delegated token only name it.
  const record = delegationClaim === undefined ? undefined : await recordOf(delegationClaim, deps)
  const chain = record?.chain ?? [plainRef(sub, deps)]
  if (record !== undefined && (record.txn !== txn || record.chain[0].id !== sub)) {
    throw invalidToken('does not agree with its delegation record')
  }
  if (chain.at(-1)?.id !== claims.client_id) throw invalidToken('actor and client differ')

  const scope = claims.scope.split(' ').filter((item) => item !== '')
  const lineage = record === undefined ? [claims.jti] : [claims.jti, record.id, ...record.lineage]
  return {
    caller: {
      chain,
      delegation: record?.id,
      ...(record?.mandate === undefined ? {} : { mandate: record.mandate }),
      authentication: { method: claims.client_auth, at: claims.iat * 1000 },
      scope: new Set(scope),
      credential: claims.jti,
      lineage,
      expiresAt: claims.exp * 1000,
    },
    txn,
    audience: claims.aud,
    scope,
    clientId: claims.client_id,
    issuedAt: claims.iat * 1000,
    lineage,
  }
}

// RFC 7515 §7.1, with the 64 bytes of an ES256 signature in their one spelling: decoders forgive padding, foreign
// characters and stray bits, and one token would have many names.
const COMPACT_ES256 = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/

async function signedClaims(token: string, deps: VerifierDeps): Promise<z.output<typeof claimsSchema>> {
  if (!COMPACT_ES256.test(token)) throw invalidToken('not a compact ES256 token')
  try {
    const { payload } = await jwtVerify(token, ({ kid }: JWTHeaderParameters) => publicKeyOf(kid, deps.keyRing), {
      algorithms: ['ES256'],
      typ: 'at+jwt', // RFC 9068 §2.1
      issuer: deps.issuer,
      currentDate: new Date(deps.clock.now()),
      requiredClaims: ['exp', 'iat', 'aud', 'sub', 'jti'],
    })
    return claimsSchema.parse(payload)
  } catch (error) {
    throw error instanceof OAuthError ? error : invalidToken(errorText(error), error)
  }
}

function publicKeyOf(kid: string | undefined, keyRing: KeyRing) {
  const key = keyRing.verification().find((candidate) => candidate.kid === kid)
  if (key === undefined) throw invalidToken('signed with a key that is not ours')
  return key.publicKey
}

async function recordOf(claim: string, { state }: VerifierDeps): Promise<Delegation> {
  const id = parseDelegationId(claim)
  const record = id === undefined ? undefined : await state.delegation(id)
  if (record === undefined) throw invalidToken('no such delegation')
  return record
}

function plainRef(sub: PrincipalRef['id'], { directory }: VerifierDeps): PrincipalRef {
  const principal = directory.principal(sub)
  if (principal === undefined) throw invalidToken('unknown principal')
  return { kind: principal.kind, id: principal.id }
}
