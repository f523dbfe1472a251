import type { Layer } from '../layers.ts'

/** Whether denials are enforced, or decided and recorded only. */
export type Mode = 'enforce' | 'observe'

/** Ways by which a request comes to a decision: the gateway for models, the gateway for tools, the decision API. */
export const GATES = ['models', 'tools', 'decision-point'] as const
export type Gate = (typeof GATES)[number]

/** What a mode is set for. */
export type ModeTarget =
  /** Everything that nothing nearer speaks of. */
  | { readonly kind: 'tenant' }
  /** Whatever is done to what is in the project. */
  | { readonly kind: 'project'; readonly id: string }
  /** Whatever comes by this gate. */
  | { readonly kind: 'route'; readonly id: Gate }
  /** Whatever the gateway would send to this upstream or tool server. */
  | { readonly kind: 'upstream'; readonly id: string }
  /** What the policies of one layer refuse. */
  | { readonly kind: 'layer'; readonly of: LayerKind; readonly id: string }

export const LAYER_KINDS = ['project', 'agent', 'agent-type'] as const
export type LayerKind = (typeof LAYER_KINDS)[number]

/** As it is written: `tenant`, `project:churn`, `route:tools`, `upstream:office`, `layer:agent:scout`. */
export function modeTargetText(target: ModeTarget): string {
  switch (target.kind) {
    case 'tenant':
      return 'tenant'
    case 'layer':
      return `layer:${target.of}:${target.id}`
    default:
      return `${target.kind}:${target.id}`
  }
}

/** The target that is written so; `undefined` for anything else. */
export function parseModeTarget(text: string): ModeTarget | undefined {
  if (text === 'tenant') return { kind: 'tenant' }
  const [kind, rest] = split(text)
  switch (kind) {
    case 'project':
    case 'upstream':
      return isName(rest) ? { kind, id: rest } : undefined
    case 'route': {
      const id = GATES.find((gate) => gate === rest)
      return id === undefined ? undefined : { kind, id }
    }
    case 'layer': {
      const [name, id] = split(rest)
      const of = LAYER_KINDS.find((one) => one === name)
      return of === undefined || !isName(id) ? undefined : { kind, of, id }
    }
    default:
      return undefined
  }
}

/** The target that a layer is, as text; `undefined` for those that are no targets of their own. */
export function layerTarget(layer: Layer): string | undefined {
  if (layer.kind === 'project') return `layer:project:${layer.id}`
  if (layer.kind === 'agent') return `layer:${layer.type === 'Agent' ? 'agent' : 'agent-type'}:${layer.id}`
  return undefined
}

function split(text: string): readonly [string, string] {
  const at = text.indexOf(':')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const LONGEST = 256

function isName(text: string): boolean {
  return text !== '' && text.length <= LONGEST
}
