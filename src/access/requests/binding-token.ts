import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { type Clock, canonicalJson, type Json, newId, parsePrincipalId } from '../../kernel/index.ts'
import type { KeyRing } from '../../keys/index.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef } from '../question.ts'

/** A denied evaluation, as an enforcement point has asked it and as we have understood it. */
export interface Denial {
  /** The objects of AuthZEN, whole. */
  readonly asked: { readonly subject: Json; readonly action: Json; readonly resource: Json }
  readonly subject: { readonly kind: 'User' | 'Service' | 'Agent' | 'Device'; readonly id: string }
  readonly action: string
  readonly resource: EntityRef
  readonly revision: string
  /** Who has asked. */
  readonly client: string
  /** Of the request in which it was decided, for the log. */
  readonly txn: string
}

/** What a denied evaluation says of the way to ask for access ("Requestable Denial Context"). */
export type RequestableDenial = {
  readonly evaluation_id: string
  readonly evaluated_at: string
  readonly reason: string
  readonly access_request: { readonly endpoint: string; readonly expires_at: string; readonly binding_token: string }
}

/** What an access request says of the denial that it follows. */
export interface EchoedDenial {
  readonly bindingToken: string
  readonly expiresAt: string
  readonly evaluationId?: string | undefined
}

export interface BoundDenial extends Omit<Denial, 'asked'> {
  readonly evaluationId: string
}

/**
 * Binds access requests to denials (AuthZEN Access Request and Approval Profile, draft 1, "Binding Token Integrity"): a
 * JWS that names what was denied, so that nothing else can be asked for with it.
 */
export interface Binding {
  bind(denial: Denial): Promise<RequestableDenial>
  /**
   * The denial behind a token, where it is that of what is asked for now. Throws `denial_unbound`, `denial_expired`.
   */
  verify(asked: Denial['asked'], echoed: EchoedDenial): Promise<BoundDenial>
}

/** Seconds for which a denial can be followed by a request. */
const LIFE = 600
/** Clocks of enforcement points may differ ("Time and Clock Skew"). Seconds. */
const SKEW = 30
// Of its own, so that it is no access token and an access token is no such one (RFC 8725 §3.11).
const TYPE = 'access-request-binding+jwt'
const MAX_LENGTH = 16 * 1024

const claimsOf = z.object({
  jti: z.string(),
  denial_expires_at: z.string(),
  subject: z.json(),
  action: z.json(),
  resource: z.json(),
  client: z.string(),
  revision: z.string(),
  txn: z.string(),
  denied: z.object({
    kind: z.enum(['User', 'Service', 'Agent', 'Device']),
    id: z.string().refine((id) => parsePrincipalId(id) !== undefined),
    action: z.string(),
    resource: z.object({ type: z.string(), id: z.string() }),
  }),
})

/** `endpoint`: where requests are sent, and the audience of tokens. */
export function createBinding(deps: {
  readonly issuer: string
  readonly endpoint: string
  readonly keyRing: Pick<KeyRing, 'signing' | 'verification'>
  readonly clock: Clock
}): Binding {
  const { issuer, endpoint, keyRing, clock } = deps
  const keyOf = ({ kid }: JWTHeaderParameters) => {
    const key = keyRing.verification().find((one) => one.kid === kid)
    if (key === undefined) throw unbound()
    return key.publicKey
  }
  return {
    async bind({ asked, subject, action, resource, revision, client, txn }) {
      const now = clock.now()
      const expires = Math.floor(now / 1000) + LIFE
      const expiresAt = new Date(expires * 1000).toISOString()
      const id = newId('ev', now)
      const { kid, privateKey } = keyRing.signing()
      const token = await new SignJWT({
        subject: withoutActor(asked.subject),
        action: asked.action,
        resource: asked.resource,
        // No member of the context decides on what a grant would be.
        binding_context_members: [],
        denial_expires_at: expiresAt,
        evaluation_id: id,
        client,
        revision,
        txn,
        denied: { ...subject, action, resource: { type: resource.type, id: resource.id } },
      })
        .setProtectedHeader({ alg: 'ES256', kid, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(endpoint)
        .setJti(id)
        .setIssuedAt(Math.floor(now / 1000))
        .setExpirationTime(expires)
        .sign(privateKey)
      return {
        evaluation_id: id,
        evaluated_at: new Date(now).toISOString(),
        reason: 'access_missing',
        access_request: { endpoint, expires_at: expiresAt, binding_token: token },
      }
    },
    async verify(asked, { bindingToken, expiresAt, evaluationId }) {
      if (bindingToken.length > MAX_LENGTH) throw unbound()
      const { payload } = await jwtVerify(bindingToken, keyOf, {
        algorithms: ['ES256'],
        typ: TYPE,
        issuer,
        audience: endpoint,
        currentDate: new Date(clock.now()),
        clockTolerance: SKEW,
        requiredClaims: ['exp', 'iat', 'jti'],
      }).catch((error: unknown) => {
        if (error instanceof errors.JWTExpired) {
          throw new AccessError('denial_expired', 'the denial that this follows is too old; evaluate again')
        }
        throw unbound()
      })
      const parsed = claimsOf.safeParse(payload)
      if (!parsed.success) throw unbound()
      const { jti, client, revision, txn, denied } = parsed.data
      const { kind, id, action, resource } = denied
      // What the enforcement point echoes is only good where the token says the same.
      const isSame =
        parsed.data.denial_expires_at === expiresAt &&
        (evaluationId === undefined || evaluationId === jti) &&
        isEqual(parsed.data.subject, withoutActor(asked.subject)) &&
        isEqual(parsed.data.action, asked.action) &&
        isEqual(parsed.data.resource, asked.resource)
      if (!isSame) throw unbound()
      return { evaluationId: jti, subject: { kind, id }, action, resource, client, revision, txn }
    },
  }
}

/** Structural comparison, member by member; numbers by their canonical form (RFC 8785). */
function isEqual(a: Json, b: Json): boolean {
  return canonicalJson(a) === canonicalJson(b)
}

/** "`subject.properties.act` is excluded because the PEP MAY normalize the actor to `client.actor`" */
function withoutActor(subject: Json): Json {
  if (typeof subject !== 'object' || subject === null || !('properties' in subject)) return subject
  const { properties } = subject
  if (typeof properties !== 'object' || properties === null || !('act' in properties)) return subject
  const { act: _, ...left } = properties
  const { properties: __, ...bare } = subject
  return Object.keys(left).length === 0 ? bare : { ...bare, properties: left }
}

function unbound(): AccessError {
  return new AccessError('denial_unbound', 'this does not follow a denied evaluation of exactly this')
}
