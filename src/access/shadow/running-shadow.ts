import type { PolicySet } from '../policy-set.ts'
import type { ShadowCounts } from './shadow-eye.ts'

/** A candidate that live requests are decided under, too. */
export interface RunningShadow {
  /** The content address that all would have together. */
  readonly revision: string
  /** Policies that are in one of the two only, or are others. */
  readonly changed: number
  /** Titles of the policies of both. */
  titles(): { readonly [policy: string]: string }
  counts(): ShadowCounts
  end(): void
}

/** Titles by id, the last set's first. */
export function titlesIn(sets: readonly PolicySet[]): { readonly [policy: string]: string } {
  const titles = new Map<string, string>()
  for (const { engine } of sets) {
    for (const { id, annotations } of engine.policies()) {
      if (annotations.title !== undefined) titles.set(id, annotations.title)
    }
  }
  return Object.fromEntries(titles)
}
