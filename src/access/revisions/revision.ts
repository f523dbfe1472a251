import type { PrincipalRef } from '../../kernel/index.ts'
import type { Candidate } from '../access.ts'
import type { Foundation } from '../foundation.ts'
import type { Layer, PolicyFile } from '../layers.ts'
import type { TestFile } from './address.ts'
import type { DecidedRevision } from './revision-question.ts'

/** How far a revision has come. What was active and is not any more is `superseded`. */
export const REVISION_STATES = ['draft', 'checked', 'tested', 'replayed', 'shadowed', 'active', 'superseded'] as const
export type RevisionState = (typeof REVISION_STATES)[number]

/** The files of one layer at one time, known by their content. */
export interface Revision {
  /** SHA-256 of its files, 64 hex digits: the same files are the same revision, whoever pushes them. */
  readonly address: string
  readonly layer: Layer
  readonly state: RevisionState
  readonly message: string
  /** The chain of whoever pushed it last, the subject first. */
  readonly author: readonly PrincipalRef[]
  /** Every user who has pushed it, or who answers for an agent that has. */
  readonly authors: readonly string[]
  /** What was active in the layer when it was pushed; nothing was where it is undefined. */
  readonly parent: string | undefined
  readonly bytes: number
  /** Milliseconds since the epoch, like every time here. */
  readonly pushedAt: number
  /** When it last came in force. */
  readonly activatedAt: number | undefined
  /** What was found out about it, oldest first. */
  readonly evidence: readonly Evidence[]
}

/** What is in a revision. */
export interface RevisionFiles {
  readonly policies: readonly PolicyFile[]
  /** Cases, and what they suppose of people and things. They decide nothing. */
  readonly tests: readonly TestFile[]
}

/** Something that was found out about a revision, before it came in force. */
export interface Evidence {
  /** `check`, `test`, `replay`, `shadow`, and whatever else somebody looks at. */
  readonly kind: string
  readonly result: 'passed' | 'failed'
  readonly at: number
  /** The id of who asked for it. */
  readonly by: string
  /** Content address of the policies that would have been in force together: of others it says nothing. */
  readonly whole: string
  /** What was counted: cases, decisions that differ. */
  readonly counts: { readonly [name: string]: number }
  /** Of the report, where there is one. */
  readonly digest?: string
  /** In a sentence, for people: the first thing that is wrong. */
  readonly detail?: string
}

/** A revision came in force. */
export interface Activation {
  readonly id: number
  readonly kind: 'activate' | 'rollback' | 'apply'
  readonly layer: Layer
  readonly revision: string
  /** What was active in the layer before. */
  readonly before: string | undefined
  /** Content address of all that has decided from then on: `Decision.revision`. */
  readonly whole: string
  readonly by: readonly PrincipalRef[]
  readonly message: string
  readonly at: number
}

/** All that decides together, as it was at one time. */
export interface Whole {
  readonly address: string
  /** What shipped with the product then. */
  readonly foundation: Foundation
  /** Everything below it, in one order whoever asks. */
  readonly files: readonly PolicyFile[]
  /** Revisions by layer, as `layerKey` names it. */
  readonly revisions: ReadonlyMap<string, string>
}

/** Who wants a change of what is in force, and why. */
export interface Asked {
  readonly by: readonly PrincipalRef[]
  readonly message: string
  /** Asked about what would be in force, before it is; what it rejects with keeps it out. */
  readonly check?: (candidate: Candidate, changed: readonly DecidedRevision[]) => Promise<void>
}

export interface Active {
  /** Content address of all of it. */
  readonly whole: string
  /** Below the foundation, in one order whoever asks. */
  readonly files: readonly PolicyFile[]
  /** Revisions by layer, as `layerKey` names it. */
  readonly revisions: ReadonlyMap<string, string>
}

export interface Activating extends Asked {
  readonly kind: Activation['kind']
}

/** What would be in force together. */
export interface Layers extends Pick<Active, 'files' | 'revisions'> {
  /** Those that are not active yet. */
  readonly changed: readonly Revision[]
}
