/** How a model misbehaves, for tests of what stands before it. `delay` in milliseconds before each token. */
export interface Quirk {
  readonly delay: number
  readonly fault: 'none' | 'hang' | 'error' | 'busy' | 'drop' | 'garbage'
}

const NONE: Quirk = { delay: 0, fault: 'none' }

const QUIRKS: ReadonlyMap<string, Quirk> = new Map([
  ['demo-slow', { delay: 100, fault: 'none' }],
  ['demo-hang', { delay: 0, fault: 'hang' }],
  ['demo-fail', { delay: 0, fault: 'error' }],
  ['demo-busy', { delay: 0, fault: 'busy' }],
  ['demo-drop', { delay: 0, fault: 'drop' }],
  ['demo-garbage', { delay: 0, fault: 'garbage' }],
])

export const MODELS: readonly string[] = ['demo-chat', 'demo-claude', 'demo-embed', ...QUIRKS.keys()]

/** `undefined` where there is no such model. */
export function quirkOf(model: string): Quirk | undefined {
  return MODELS.includes(model) ? (QUIRKS.get(model) ?? NONE) : undefined
}
