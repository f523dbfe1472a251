import { z } from 'zod'
import type { Question } from '../../access/index.ts'
import type { Json } from '../../kernel/index.ts'
import { type Route, route } from '../route.ts'
import { callArguments, originShape } from './call-facts.ts'

const name = z.string().min(1).max(1024)
const properties = z.record(z.string(), z.json()).optional()
const entity = z.object({ type: name, id: name, properties })

// AuthZEN 1.0 writes types as the enforcement point likes; ours begin with a capital letter.
const KINDS: Readonly<Record<string, string>> = { user: 'User', service: 'Service', agent: 'Agent', device: 'Device' }

const callFacts = z.object({
  arguments: callArguments.default({}),
  origin: z.object(originShape).optional(),
})

/** The decision API of AuthZEN 1.0 (Access Evaluation API), for enforcement points other than our gateway. */
export const authzenRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/t/:tenant/access/v1/evaluation',
    summary: 'Decide whether a subject may do an action on a resource (AuthZEN 1.0)',
    action: 'decision:ask',
    body: z.object({
      subject: entity,
      action: z.object({ name, properties }),
      resource: entity,
      context: z.record(z.string(), z.json()).optional(),
    }),
    answer: z.object({ decision: z.boolean(), context: z.record(z.string(), z.json()).optional() }),
    handle: async ({ tenant, ctx, body, note }) => {
      const { subject, action, resource } = body
      const kind = KINDS[subject.type.toLowerCase()] ?? subject.type
      const principal = tenant.directory.principal(subject.id)
      const asked: Json = {
        subject: { type: kind, id: subject.id },
        action: action.name,
        resource: { type: resource.type, id: resource.id },
      }
      if (principal === undefined || principal.kind !== kind) {
        // Whoever is not in the directory may do nothing; the answer does not say which of the two it was.
        note({ asked, decision: 'deny', reasons: [] })
        return { decision: false, context: { reasons: [] } }
      }
      const decision = tenant.access.decide(
        tenant.contextOf(ctx, principal),
        questionOf(action.name, resource, body.context),
      )
      const reasons = decision.reasons.map(({ policy }) => policy)
      note({ asked, decision: decision.decision, reasons, errors: decision.errors.map(({ policy }) => policy) })
      return {
        decision: decision.decision === 'allow',
        context: {
          revision: decision.revision,
          reasons: decision.reasons.map(({ policy, title }) => ({ policy, ...(title === undefined ? {} : { title }) })),
          ...(decision.remedy === undefined ? {} : { remedy: decision.remedy }),
        },
      }
    },
  }),
]

function questionOf(
  action: string,
  resource: { readonly type: string; readonly id: string },
  context: Readonly<Record<string, Json>> | undefined,
): Question {
  const call = callFacts.safeParse(context ?? {})
  const names = call.success ? Object.keys(call.data.arguments) : []
  // Where the enforcement point does not say where a value came from, nobody is known to have named it.
  const unknown = { user: [], system: [], trusted: [], untrusted: [], model: names }
  return {
    action,
    resource: { type: resource.type, id: resource.id },
    ...(action === 'tool:call' && call.success
      ? { call: { arguments: call.data.arguments, origin: call.data.origin ?? unknown } }
      : {}),
  }
}
