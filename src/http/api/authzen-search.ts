import { z } from 'zod'
import { openCursor, type SearchPage, type SearchQuestion, sealCursor } from '../../access/index.ts'
import { type Context, digestJson, type Json, type PrincipalKind } from '../../kernel/index.ts'
import type { Asked } from '../ask.ts'
import { asking, type Call, type Route } from '../route.ts'
import { authzenAction, authzenEntity, MAX_AUTHZEN_BODY } from './authzen.ts'
import { kindNamed, questionReader } from './authzen-question.ts'
import { readSearch, type Search } from './authzen-request.ts'

const context = z.record(z.string(), z.json()).optional()
const page = z.object({ token: z.string().optional(), limit: z.number().int().min(0).optional() }).optional()
const wanted = z.object({ type: z.string().min(1).max(1024) })
const answer = (result: z.ZodType) =>
  z.object({
    page: z.object({ next_token: z.string(), count: z.number().int() }),
    context,
    results: z.array(result),
  })
const found = z.object({ type: z.string(), id: z.string() })

/** The Search APIs of AuthZEN 1.0. */
export const authzenSearchRoutes: readonly Route[] = [
  searchRoute('subject', {
    summary: 'Find every subject of a type that may do an action on a resource (AuthZEN 1.0)',
    body: z.object({ subject: wanted, action: authzenAction, resource: authzenEntity, context, page }),
    answer: answer(found),
  }),
  searchRoute('resource', {
    summary: 'Find every resource of a type on which a subject may do an action (AuthZEN 1.0)',
    body: z.object({ subject: authzenEntity, action: authzenAction, resource: wanted, context, page }),
    answer: answer(found),
  }),
  searchRoute('action', {
    summary: 'Find every action that a subject may do on a resource (AuthZEN 1.0)',
    body: z.object({ subject: authzenEntity, resource: authzenEntity, context, page }),
    answer: answer(z.object({ name: z.string() })),
  }),
]

type Wanted = 'subject' | 'resource' | 'action'

function searchRoute(
  what: Wanted,
  { summary, body, answer }: { readonly summary: string; readonly body: z.ZodType; readonly answer: z.ZodType },
): Route {
  return asking({
    method: 'POST',
    path: `/t/:tenant/access/v1/search/${what}`,
    summary,
    action: 'decision:ask',
    body,
    answer,
    maxBody: MAX_AUTHZEN_BODY,
    read: (request) => readSearch(request, what),
    ask: (call) => answerSearch(what, call.body, call),
  })
}

async function answerSearch(what: Wanted, search: Search, call: Pick<Call, 'tenant' | 'ctx'>): Promise<Asked> {
  const { tenant, ctx } = call
  const { token, limit } = search.page
  const { page: _, ...rest } = search
  const question = { what, limit, ...rest } as unknown as Json // it was JSON when it was read
  const place = {
    question,
    asker: ctx.caller.chain.map(({ kind, id }) => `${kind}::${id}`).join(' '),
    revision: tenant.access.revision(),
  }
  const after = token === undefined ? undefined : openCursor(token, place, tenant.cursors)
  const { ids, next, persons, asked } = await pageOf(what, search, after, call)
  const { nameOf, typeNamed } = tenant.access.vocabulary()
  const resourceType = typeNamed(search.resource.type)
  const results =
    what === 'action'
      ? ids.map((id) => ({ name: nameOf(id, resourceType) }))
      : ids.map((id) => ({ type: search[what].type, id }))
  return {
    answer: {
      page: {
        next_token: next === undefined ? '' : sealCursor(next, place, tenant.cursors),
        count: results.length,
      },
      results,
    },
    questions: [],
    persons,
    target: { search: what, ...asked, found: results.length, results: digestJson(results) },
    reserved: [],
  }
}

interface Page {
  readonly ids: readonly string[]
  readonly next?: string | undefined
  readonly persons: readonly string[]
  readonly asked: { readonly [name: string]: Json }
}

async function pageOf(
  what: Wanted,
  search: Search,
  after: string | undefined,
  { tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>,
): Promise<Page> {
  const put = questionReader({ tenant, ctx })(search)
  const { action, resource, attributes } = put.question
  const stated = put.statedFor(action)
  const given = attributes === undefined ? {} : { attributes }
  const paging = { limit: search.page.limit, ...(after === undefined ? {} : { after }) }
  const type = kindNamed(search.subject.type)
  const [, ...actors] = put.asked.chain ?? []
  const chain = (put.asked.chain ?? []).map((link) => ({ ...link }))
  const context = put.asked.context === undefined ? {} : { context: put.asked.context }
  const { persons } = put
  const find = async (asker: Context | undefined, question: SearchQuestion): Promise<SearchPage> =>
    asker === undefined ? { results: [] } : tenant.access.search(asker, question)
  switch (what) {
    case 'subject': {
      const asked = { subject: type, actors: chain.slice(1), action, resource: { ...resource }, ...context }
      const isKnown = isKind(type) && actors.every(({ kind, id }) => tenant.directory.principal(id)?.kind === kind)
      // Whoever is looked for stands at the place of the subject.
      const { results: ids, next } = isKnown
        ? await find(
            { ...tenant.contextOf(ctx, ctx.caller.chain[0]), gate: 'decision-point' },
            {
              kind: 'subjects',
              type,
              action,
              resource,
              actors,
              ...given,
              ...stated,
              ...paging,
            },
          )
        : { results: [] }
      return { ids, next, persons: type === 'User' ? [...persons, ...ids] : persons, asked }
    }
    case 'resource': {
      const { results: ids, next } = await find(put.ctx, {
        kind: 'resources',
        type: resource.type,
        action,
        ...stated,
        ...paging,
      })
      return { ids, next, persons, asked: { chain, action, resource: { type: resource.type }, ...context } }
    }
    case 'action': {
      const { results: ids, next } = await find(put.ctx, {
        kind: 'actions',
        resource,
        statedFor: put.statedFor,
        ...given,
        ...paging,
      })
      // Each action declares facts of its own: the record has what counted for any of them.
      const counted = tenant.access.vocabulary().actions.map(({ id }) => put.statedFor(id).facts)
      const said = { ...put.asked.context, ...Object.assign({}, ...counted) }
      const recorded = Object.keys(said).length === 0 ? {} : { context: said }
      return { ids, next, persons, asked: { chain, resource: { ...resource }, ...recorded } }
    }
  }
}

function isKind(type: string): type is PrincipalKind {
  return type === 'User' || type === 'Service' || type === 'Agent' || type === 'Device'
}
