import type { EntityJson } from '../../cedar/index.ts'
import { type Context, newTxn, type PrincipalKind, type PrincipalRef, type TenantId } from '../../kernel/index.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef } from '../question.ts'
import type { PolicyCase } from './case-file.ts'

/** What is supposed of a request beside its chain. */
export type Supposed = Pick<PolicyCase, 'authentication' | 'now'> &
  Partial<Pick<PolicyCase, 'scope' | 'address' | 'mandate'>>

const HOUR = 3_600_000

/** The context of a request that nobody makes. */
export function trialContext(chain: readonly PrincipalRef[], supposed: Supposed, tenant: TenantId): Context {
  const { authentication, scope, address, now, mandate } = supposed
  const [subject, ...actors] = chain
  if (subject === undefined) throw new AccessError('resources_invalid', 'nobody makes the request')
  const { factors, assurance, age = 0, mfaAge } = authentication
  return {
    tenant,
    txn: newTxn(now),
    trace: '0'.repeat(32),
    clock: { now: () => now },
    caller: {
      chain: [subject, ...actors],
      delegation: undefined,
      authentication: {
        method: 'asserted',
        at: now - age * 1000,
        ...(factors === undefined ? {} : { factors }),
        ...(assurance === undefined ? {} : { assurance }),
        ...(mfaAge === undefined ? {} : { mfaAt: now - mfaAge * 1000 }),
      },
      scope: scope === undefined ? undefined : new Set(scope),
      credential: 'trial',
      expiresAt: now + HOUR,
      ...(mandate === undefined ? {} : { mandate: { ...mandate, expiresAt: now + HOUR } }),
    },
    ...(address === undefined ? {} : { address }),
  }
}

const KINDS: ReadonlySet<string> = new Set<PrincipalKind>(['User', 'Service', 'Agent', 'Device'])

export function isPrincipalKind(type: string): type is PrincipalKind {
  return KINDS.has(type)
}

export function uidOf({ uid }: EntityJson): EntityRef {
  return '__entity' in uid ? uid.__entity : uid
}
