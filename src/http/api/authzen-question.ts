import type { Question, Vocabulary } from '../../access/index.ts'
import type { DecidedQuestion } from '../../audit/index.ts'
import type { Context, Json, PrincipalKind, PrincipalRef } from '../../kernel/index.ts'
import { HttpError } from '../errors.ts'
import type { Call } from '../route.ts'
import type { Entity, Evaluation, Properties } from './authzen-request.ts'
import { callFactsIn } from './call-facts.ts'

/** What an enforcement point asks, in our words. */
export interface Put {
  /** Undefined where the directory does not know everybody of the chain: then nothing is allowed. */
  readonly ctx: Context | undefined
  readonly question: Question
  /** What is stated, as far as it counts for an action. */
  readonly statedFor: (action: string) => Pick<Question, 'facts' | 'call'>
  /** The question as the record shows it. */
  readonly asked: Pick<DecidedQuestion, 'chain' | 'action' | 'resource' | 'context'>
  readonly persons: readonly string[]
}

/** Reads many questions of one request: each chain is looked up once. */
export function questionReader({ tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>): (evaluation: Evaluation) => Put {
  const vocabulary = tenant.access.vocabulary()
  const chains = new Map<string, ReturnType<typeof chainOf>>()
  return (evaluation) => {
    const { subject, action, resource, context } = evaluation
    const actors = actorsIn(context)
    const key =
      actors.length === 0 ? `${subject.type}\0${subject.id}` : JSON.stringify([subject.type, subject.id, actors])
    const chain = chains.get(key) ?? chainOf([subject, ...actors], { tenant, ctx })
    chains.set(key, chain)
    const type = vocabulary.typeNamed(resource.type)
    const name = vocabulary.actionNamed(action.name, type)
    const statedFor: Put['statedFor'] = (one) => {
      const facts = factsIn(vocabulary.factsOf(one), context, action.properties)
      const call = CALLS.has(one) ? callFactsIn(context) : undefined
      return { ...(facts === undefined ? {} : { facts }), ...(call === undefined ? {} : { call }) }
    }
    const { facts, call } = statedFor(name)
    const stated = statedIn(vocabulary, type, resource.properties)
    const uid = { type, id: resource.id }
    return {
      ctx: chain.ctx,
      question: {
        action: name,
        resource: uid,
        ...(facts === undefined ? {} : { facts }),
        ...(stated === undefined ? {} : { attributes: stated }),
        ...(call === undefined ? {} : { call }),
      },
      statedFor,
      asked: {
        chain: chain.links,
        action: name,
        resource: uid,
        ...(facts === undefined && stated === undefined
          ? {}
          : { context: { ...facts, ...(stated && { resource: stated }) } }),
      },
      persons: chain.persons,
    }
  }
}

/** What has arguments. */
const CALLS: ReadonlySet<string> = new Set(['tool:call', 'prompt:get'])

interface Chain {
  readonly ctx: Context | undefined
  readonly links: readonly PrincipalRef[]
  readonly persons: readonly string[]
}

function chainOf(entities: readonly Entity[], { tenant, ctx }: Pick<Call, 'tenant' | 'ctx'>): Chain {
  const links = entities.map(({ type, id }) => ({ kind: kindNamed(type), id }))
  const principals = links.map(({ kind, id }) => {
    const principal = tenant.directory.principal(id)
    return principal?.kind === kind ? principal : undefined
  })
  const known = principals.filter((principal) => principal !== undefined)
  const [first, ...more] = known
  const persons = known.flatMap(({ kind, id }) => (kind === 'User' ? [id] : []))
  // A name that the directory does not have is recorded as it was given.
  const named = links as unknown as readonly PrincipalRef[]
  if (first === undefined || known.length < links.length) return { ctx: undefined, links: named, persons }
  const asked = { ...tenant.contextOf(ctx, first), gate: 'decision-point' } as const
  const chain = [...asked.caller.chain, ...more.map(({ kind, id }) => ({ kind, id }))] as const
  return {
    ctx: more.length === 0 ? asked : { ...asked, caller: { ...asked.caller, chain } },
    links: chain,
    persons,
  }
}

// AuthZEN writes types as the enforcement point likes; ours begin with a capital letter.
const KINDS: Readonly<Record<string, PrincipalKind>> = {
  user: 'User',
  service: 'Service',
  agent: 'Agent',
  device: 'Device',
}

/** The kind of principal of this name, or the name. */
export function kindNamed(type: string): string {
  const name = type.toLowerCase()
  return Object.hasOwn(KINDS, name) ? (KINDS[name] ?? type) : type
}

/**
 * Who acts for the subject, in order: the last of them makes the request. A longer chain is never allowed more, so that
 * anybody may state one. Throws `body_invalid`.
 */
function actorsIn(context: Properties | undefined): readonly Entity[] {
  const actors = context?.actors
  if (actors === undefined) return NOBODY
  if (!Array.isArray(actors) || actors.length > MAX_ACTORS) throw noActors()
  return actors.map((actor: Json) => {
    if (typeof actor !== 'object' || actor === null || !('type' in actor) || !('id' in actor)) throw noActors()
    const { type, id } = actor
    if (typeof type !== 'string' || typeof id !== 'string') throw noActors()
    return { type, id }
  })
}

const NOBODY: readonly Entity[] = []
const MAX_ACTORS = 16

function noActors(): HttpError {
  return new HttpError(
    'body_invalid',
    `\`context.actors\` must be at most ${MAX_ACTORS} objects with \`type\` and \`id\``,
  )
}

/** Facts that the action declares, from the context and, before it, the properties of the action. */
function factsIn(
  declared: ReadonlySet<string>,
  context: Properties | undefined,
  properties: Properties | undefined,
): Properties | undefined {
  if (context === undefined && properties === undefined) return undefined
  let facts: { [name: string]: Json } | undefined
  for (const given of [context, properties]) {
    for (const name in given) {
      const value = given[name]
      // What is null is not there ("JSON Payload Considerations").
      if (value === undefined || value === null || !declared.has(name)) continue
      facts ??= {}
      facts[name] = value
    }
  }
  return facts
}

/** Attributes of a tenant's own type; what is said of Sallyport's own types does not count. */
export function statedIn(
  vocabulary: Vocabulary,
  type: string,
  properties: Properties | undefined,
): Properties | undefined {
  const own = properties === undefined ? undefined : vocabulary.ownType(type)
  if (own === undefined || properties === undefined) return undefined
  let stated: { [name: string]: Json } | undefined
  for (const name in properties) {
    const value = properties[name]
    if (value === undefined || value === null || !own.attributes.has(name)) continue
    stated ??= {}
    stated[name] = value
  }
  return stated
}
