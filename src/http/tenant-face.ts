import type { IncomingHttpHeaders } from 'node:http'
import type {
  Access,
  AccessRequests,
  Approvals,
  Asked,
  Binding,
  CursorSealer,
  Holds,
  Lists,
  Modes,
  Pack,
  PackInForce,
  PolicyFile,
  ReplayReport,
  Revisions,
  SelfReplay,
  Shadows,
  WorldJournal,
} from '../access/index.ts'
import type { Exports, Log, Publication } from '../audit/index.ts'
import type { Gateway, ToolReview } from '../gateway/index.ts'
import type { Directory } from '../identity/index.ts'
import type { Context, Json, PrincipalRef, TenantId } from '../kernel/index.ts'
import type { AuthorizationServer } from '../oauth/index.ts'

/** What the edge sees of one tenant. Satisfied in server/. */
export interface TenantFace {
  readonly id: TenantId
  /** `PUBLIC_URL/t/TENANT` */
  readonly issuer: string
  readonly directory: Directory
  readonly access: Access
  /** Reservations of other enforcement points. */
  readonly holds: Holds
  readonly approvals: Approvals
  readonly lists: Lists
  readonly modes: Modes
  readonly requests: AccessRequests
  /** The policies as they were, are and may come to be. */
  readonly revisions: Revisions
  /** Candidates that live requests are decided under, too. */
  readonly shadows: Shadows
  /** Decides again what is on record, under a candidate; asked only where that was allowed and recorded. */
  replay(asked: ReplayAsked): Promise<ReplayReport>
  /** Policies with parameters: those that ship with the product, and those that are in force. */
  readonly packs: { list(): readonly Pack[]; inForce(): Promise<readonly PackInForce[]> }
  /** Binds access requests to denied evaluations. */
  readonly binding: Binding
  readonly log: Log
  /** What decisions were made on. */
  readonly history: {
    /** Decides again what stands in these records; asked only where that was allowed and recorded. */
    replaySelf(span: { readonly first: number; readonly limit: number }): Promise<ReplayedSpan>
    readonly journal: Pick<WorldJournal, 'forget'>
  }
  /** Who may verify the log. */
  readonly publication: Publication
  /** Seals the cursors of searches. */
  readonly cursors: CursorSealer
  readonly exports: Pick<Exports, 'list' | 'refused' | 'retry' | 'skip' | 'remove'>
  /** What is measured, in the text format of Prometheus. */
  readonly metrics: { text(): Promise<string> }
  /** The log's verifier keys, one a line. */
  readonly logKeys: string
  readonly authorization: AuthorizationServer
  readonly gateway: Gateway
  readonly toolReview: ToolReview
  /** Who calls the administration API. Throws `OAuthError`. */
  authenticate(headers: IncomingHttpHeaders): Promise<Context>
  /** A context in which somebody else is asked about: the request of `asker`, the chain of `principal` alone. */
  contextOf(asker: Context, principal: PrincipalRef): Context
  /**
   * Brings directory, catalogue and policies to what the manifests declare. `asked.permit` is asked, before the first change,
   * for what is an action of its own; it throws where that is denied. Throws `manifest_invalid`, `policies_invalid`.
   */
  apply(
    manifests: readonly NamedText[],
    policies: readonly NamedText[],
    asked?: Pick<Asked, 'by' | 'check'> & { readonly permit: Permit },
  ): Promise<Applied>
  /**
   * Calls `cut` when an open stream may not go on: somebody in the caller's chain loses their standing, the credential
   * expires or is revoked, or `action` is not allowed to the caller on the tenant any more. Returns how to stop waiting.
   * Throws `too_many_streams`, `cut`.
   */
  onCut(ctx: Context, cut: () => void, action?: string): () => void
}

/** What is to be decided again, and under what. */
export interface ReplayAsked {
  readonly candidate: { readonly revisions: readonly string[] } | { readonly files: readonly PolicyFile[] }
  /** Milliseconds since the epoch, `to` exclusive; now without it. */
  readonly from: number
  readonly to: number | undefined
  /** The id of who asks. */
  readonly by: string
  /** Whether what it comes to is kept as evidence for the revisions. */
  readonly attaches: boolean
  readonly onProgress: (done: number, total: number) => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/** What came of a part of the log. */
export interface ReplayedSpan extends SelfReplay {
  /** Where the next part begins; undefined where there was none left. */
  readonly next: number | undefined
}

/** Decides on an action of its own within an operation, and records it. Throws `denied`. */
export type Permit = (action: string, target: { readonly [name: string]: Json }) => Promise<void>

export interface NamedText {
  readonly name: string
  readonly text: string
}

/** What an application did; one entry for each thing that the manifests declare. */
export type Applied = readonly {
  readonly kind: string
  readonly id: string
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}[]
