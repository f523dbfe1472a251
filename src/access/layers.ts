import type { Only } from '../cedar/index.ts'
import type { Json } from '../kernel/index.ts'

/**
 * A place in the policy hierarchy. What a project says concerns its resources, what an agent's layer says concerns that
 * agent, or every agent of that type.
 */
export type Layer =
  | { readonly kind: 'foundation' }
  | { readonly kind: 'tenant' }
  | { readonly kind: 'project'; readonly id: string }
  | { readonly kind: 'agent'; readonly type: 'Agent' | 'AgentType'; readonly id: string }

/** One file of policies, with the name under which errors speak of it. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
  /** The tenant's unless it says otherwise. */
  readonly layer?: Layer
  /**
   * `grants` (and forbids) unless it says otherwise. A ceiling permits what may be granted at most, and each file is a
   * ceiling of its own: nothing is allowed that one of them does not permit. One without policies permits nothing.
   * What `limits` match is counted; they neither grant nor forbid. A `schema` declares the tenant's own types and
   * actions for all the others.
   */
  readonly as?: 'grants' | 'ceiling' | 'limits' | 'schema'
  /** Where it comes from, where a pack made it. */
  readonly pack?: PackUse
}

/** The pack, and what it was told, that a file of policies was made of. */
export interface PackUse {
  readonly name: string
  readonly version: string
  /** Of the pack as it was then. */
  readonly digest: string
  /** The name of this use: ids of its policies begin with it. */
  readonly instance: string
  /** As they were given, or as the pack has them where nothing was given. */
  readonly parameters: { readonly [name: string]: Json }
}

/** A ceiling that is in force. */
export interface Ceiling {
  /** `ceiling/NAME`: how reasons name it. */
  readonly name: string
  readonly layer: Layer
}

export function layerOf(file: PolicyFile): Layer {
  return file.layer ?? TENANT
}

const TENANT: Layer = { kind: 'tenant' }

/** For people: `project churn`. */
export function layerText(layer: Layer): string {
  switch (layer.kind) {
    case 'foundation':
      return 'the foundation'
    case 'tenant':
      return 'the tenant'
    case 'project':
      return `the project ${layer.id}`
    case 'agent':
      return layer.type === 'Agent' ? `the agent ${layer.id}` : `the agent type ${layer.id}`
  }
}

/** The entity that a layer is about, or undefined where it is about everything. */
export function targetOf(layer: Layer): { readonly type: string; readonly id: string } | undefined {
  if (layer.kind === 'project') return { type: 'Project', id: layer.id }
  return layer.kind === 'agent' ? { type: layer.type, id: layer.id } : undefined
}

/** Where the policies of a layer apply at all. */
export function boundsOf(layer: Layer): Only | undefined {
  const target = targetOf(layer)
  if (target === undefined) return undefined
  return layer.kind === 'project' ? { resource: target } : { principal: target }
}
