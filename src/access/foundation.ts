import type { PolicyFile } from './layers.ts'

/** What ships with the product: it forbids, and may set ceilings, but grants nothing. */
export interface Foundation {
  readonly schema: string
  readonly policies: readonly PolicyFile[]
  /** What the roles of every tenant may do: templates with `@role`. */
  readonly roles?: readonly PolicyFile[]
}

/** Its files as they stand among those that decide. */
export function foundationFiles({ policies, roles = [] }: Foundation): readonly PolicyFile[] {
  return [...policies.map((file): PolicyFile => ({ ...file, layer: { kind: 'foundation' } })), ...roles]
}
