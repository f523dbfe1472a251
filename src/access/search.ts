import { setImmediate } from 'node:timers/promises'
import type { Caller, Context, PrincipalId, PrincipalKind, PrincipalRef } from '../kernel/index.ts'
import { judgeChain, type Known } from './decide-chain.ts'
import type { EntityRef, Question } from './question.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A question with one part left open. The chain of the context is who is asked about. */
export type SearchQuestion = Paging &
  Pick<Question, 'attributes'> &
  (
    | (Stated & {
        readonly kind: 'subjects'
        readonly type: PrincipalKind
        readonly action: string
        readonly resource: EntityRef
        /** Who acts for the subject, in order. */
        readonly actors: readonly PrincipalRef[]
      })
    | (Stated & { readonly kind: 'resources'; readonly type: string; readonly action: string })
    | {
        readonly kind: 'actions'
        readonly resource: EntityRef
        /** What is stated for an action: each declares facts of its own. Nothing, where this is absent. */
        readonly statedFor?: (action: string) => Stated
      }
  )

type Stated = Pick<Question, 'facts' | 'call'>

interface Paging {
  /** At most so many results. */
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface SearchPage {
  /** Ids of subjects or resources, or actions, in their order. */
  readonly results: readonly string[]
  /** Where the next page begins. Without it, this was the last. */
  readonly next?: string
}

/**
 * What would be allowed now: everything that is known is decided on, so that nothing is left out, and pages only
 * divide it. A given approval counts for the request it was given for, and not here. Others have their turn in between.
 */
export async function searchPage(
  ctx: Context,
  asked: SearchQuestion,
  known: Known,
  vocabulary: Vocabulary,
): Promise<SearchPage> {
  const { limit, after } = asked
  const results: string[] = []
  let since = performance.now()
  for (const candidate of candidatesOf(ctx, asked, known, vocabulary)) {
    if (after !== undefined && candidate.key <= after) continue
    if (performance.now() - since > TURN) {
      await setImmediate()
      since = performance.now()
    }
    if (judgeChain(candidate.ctx, candidate.question, known).hindrance !== undefined) continue
    const last = results.at(-1)
    if (results.length === limit && last !== undefined) return { results, next: last }
    results.push(candidate.key)
  }
  return { results }
}

/** Milliseconds of deciding before others get their turn. */
const TURN = 4

interface Candidate {
  readonly key: string
  readonly ctx: Context
  readonly question: Question
}

function* candidatesOf(ctx: Context, asked: SearchQuestion, known: Known, vocabulary: Vocabulary): Iterable<Candidate> {
  const { attributes } = asked
  const given = attributes === undefined ? {} : { attributes }
  const all = known.entities.with(undefined)
  switch (asked.kind) {
    case 'subjects': {
      const question = { action: asked.action, resource: asked.resource, ...given, ...statedIn(asked) }
      for (const { id } of all.uidsOf(asked.type)) {
        const subject = { kind: asked.type, id: id as PrincipalId } // an entity that the directory has put there
        yield { key: id, ctx: withChain(ctx, [subject, ...asked.actors]), question }
      }
      return
    }
    case 'resources':
      for (const { type, id } of all.uidsOf(asked.type)) {
        yield { key: id, ctx, question: { action: asked.action, resource: { type, id }, ...statedIn(asked) } }
      }
      return
    case 'actions': {
      const kinds = ctx.caller.chain.map(({ kind }) => kind)
      const applying = vocabulary.actions.filter(
        ({ principals, resources }) =>
          resources.includes(asked.resource.type) && kinds.every((kind) => principals.includes(kind)),
      )
      for (const { id } of applying.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
        yield { key: id, ctx, question: { action: id, resource: asked.resource, ...given, ...asked.statedFor?.(id) } }
      }
    }
  }
}

function statedIn({ facts, call }: Stated): Stated {
  return { ...(facts === undefined ? {} : { facts }), ...(call === undefined ? {} : { call }) }
}

function withChain(ctx: Context, chain: Caller['chain']): Context {
  return { ...ctx, caller: { ...ctx.caller, chain } }
}
