import type { Question } from '../question.ts'
import { layerKey } from './layer-key.ts'
import type { Revision } from './revision.ts'

/** What a decision about a revision looks at. */
export type DecidedRevision = Pick<Revision, 'address' | 'layer' | 'authors'>

/**
 * Whether something may be done with a revision. INVARIANT: only a project's layer is the project's. What an agent's
 * layer grants is anywhere in the tenant, and who administers the project of the agent has no say there.
 */
export function revisionQuestion(
  action: 'policy:read' | 'policy:push' | 'policy:activate',
  { address, layer, authors }: DecidedRevision,
  tenant: string,
): Question {
  const resource = { type: 'Revision', id: address }
  const places = layer.kind === 'project' ? [{ type: 'Project', id: layer.id }] : []
  const attrs = {
    layer: layerKey(layer),
    authors: authors.map((id) => ({ __entity: { type: 'User', id } })),
  }
  return {
    action,
    resource,
    entities: [{ uid: resource, attrs, parents: [...places, { type: 'Tenant', id: tenant }] }],
  }
}
