import type { EntityJson } from '../../cedar/index.ts'
import type { PrincipalRef } from '../../kernel/index.ts'
import type { EntityRef } from '../question.ts'
import type { AccessRequest } from './access-request.ts'

/** What has to be known of the people and things around a request. */
export interface Surroundings {
  readonly tenant: string
  /** Who answers for an agent. */
  sponsorOf(id: string): string | undefined
  /** What a resource is in, far and near. */
  ancestorsOf(resource: EntityRef): readonly EntityRef[]
}

/** What of a request a decision about it looks at. `seconds`: how long the grant would be. */
export type DecidedRequest = Pick<
  AccessRequest,
  'id' | 'subject' | 'chain' | 'action' | 'resource' | 'role' | 'isElevated' | 'seconds'
>

/** A request as policies see it: it is in the tenant, and in the projects and environments of the resource. */
export function requestEntity(request: DecidedRequest, around: Surroundings): EntityJson {
  const { id, subject, chain, action, resource, role, isElevated, seconds } = request
  const places = [resource, ...around.ancestorsOf(resource)].filter(({ type }) => PLACES.has(type))
  return {
    uid: { type: 'AccessRequest', id },
    attrs: {
      subject: subject.id,
      requester: chain[chain.length - 1]?.id ?? subject.id,
      behind: partiesOf(request, around).map((party) => ({ __entity: { type: 'User', id: party } })),
      role,
      elevated: isElevated,
      resourceType: resource.type,
      resourceId: resource.id,
      seconds,
      ...(action === undefined ? {} : { action }),
    },
    parents: [{ type: 'Tenant', id: around.tenant }, ...places.map(({ type, id: place }) => ({ type, id: place }))],
  }
}

/** A request of which nothing is known but that it would be of this tenant. */
export function bareEntity(id: string, { tenant }: Surroundings): EntityJson {
  const attrs = {
    subject: '',
    requester: '',
    behind: [],
    role: '',
    elevated: false,
    resourceType: '',
    resourceId: '',
    seconds: 0,
  }
  return { uid: { type: 'AccessRequest', id }, attrs, parents: [{ type: 'Tenant', id: tenant }] }
}

const PLACES: ReadonlySet<string> = new Set(['Project', 'Environment'])

/** Everybody who stands to gain: who asks, who would get it, and who answers for the agents among them. */
export function partiesOf(
  { subject, chain }: Pick<DecidedRequest, 'subject' | 'chain'>,
  around: Surroundings,
): readonly string[] {
  const parties = new Set([subject, ...chain].map(({ id }) => id as string))
  for (const id of [...parties]) {
    const sponsor = around.sponsorOf(id)
    if (sponsor !== undefined) parties.add(sponsor)
  }
  return [...parties]
}

/**
 * Whether somebody in this chain has a part in the request, or acts for somebody who has. INVARIANT: who has a part in
 * a request never decides on it, whatever policies say.
 */
export function hasPart(decider: readonly PrincipalRef[], request: DecidedRequest, around: Surroundings): boolean {
  const parties = new Set(partiesOf(request, around))
  return decider.some(({ id }) => parties.has(id) || parties.has(around.sponsorOf(id) ?? id))
}
