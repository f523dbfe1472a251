import type { PrincipalId, PrincipalKind } from '../kernel/index.ts'

/** Who can act in a tenant. Ids are unique over all kinds. */
export interface Principal {
  readonly kind: PrincipalKind
  readonly id: PrincipalId
  readonly name: string
  readonly status: PrincipalStatus
  /** The user who answers for an agent; agents always have one, nobody else has. */
  readonly sponsor: PrincipalId | undefined
  readonly agentType: string | undefined
  /** Where it belongs, for whoever administers one project only. */
  readonly project: string | undefined
  /** What an agent has earned on its ladder. */
  readonly level: number | undefined
  /** As it was given last; whether it still counts is for whoever reads it to see. */
  readonly risk: RiskScore | undefined
  readonly groups: readonly string[]
  /** Its own roles and those of its groups. */
  readonly roles: readonly string[]
}

/** How risky a principal is, as somebody who watches says. Times are milliseconds since the epoch. */
export interface RiskScore {
  /** 0 to 100. */
  readonly score: number
  /** Who says so. */
  readonly source: string
  readonly at: number
  /** From then on it is stale, and counts as if it had never been given. */
  readonly until: number
}

export type PrincipalStatus = 'active' | 'suspended'

export interface Group {
  readonly id: string
  readonly name: string
  readonly members: readonly string[]
  readonly roles: readonly string[]
}

export interface Role {
  readonly id: string
  readonly title: string
}

/** A static secret for clients that can hold nothing better. The secret itself is not kept. */
export interface GatewayKey {
  readonly id: string
  readonly principal: PrincipalId
  /** `undefined`: it does not narrow. */
  readonly scope: ReadonlySet<string> | undefined
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}
