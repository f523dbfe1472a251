import { OURS } from '../facts.ts'
import type { RecordedDecision } from '../history/recorded-decision.ts'
import type { CallFacts } from '../question.ts'
import type { PolicyRequest } from './trial.ts'

/**
 * What was asked once, asked again of things as they are now: for trying policies. (Replaying asks it of things as they
 * were.) Undefined where the record does not say enough.
 */
export function requestOfRecord(recorded: RecordedDecision): PolicyRequest | undefined {
  const { chain, action, resource, context, authentication, at, mandate, entities } = recorded
  const isSaid = recorded.unreplayable === undefined || FORGETFUL.has(recorded.unreplayable)
  if (!isSaid || recorded.isListing || recorded.attributes !== undefined || mandate?.within !== undefined)
    return undefined
  const { address } = recordOf(context.network)
  const scope = context.scope
  const ended = (moment: number | undefined): number | undefined =>
    moment === undefined ? undefined : Math.max(0, Math.floor((at - moment) / 1000))
  const { factors, assurance, mfaAt } = authentication ?? {}
  const [age, mfaAge] = [ended(authentication?.at), ended(mfaAt)]
  const call = callOf(recorded)
  return {
    by: chain.map(({ id }) => id),
    action,
    resource,
    facts: Object.fromEntries(Object.entries(context).filter(([name]) => !OURS.has(name))),
    call,
    entities: entities ?? [],
    given: new Map(),
    authentication: {
      ...(factors === undefined ? {} : { factors }),
      ...(assurance === undefined ? {} : { assurance }),
      ...(age === undefined ? {} : { age }),
      ...(mfaAge === undefined ? {} : { mfaAge }),
    },
    scope: Array.isArray(scope) ? scope.filter((one) => typeof one === 'string') : undefined,
    address: addressText(address),
    now: at,
    mandate:
      mandate === undefined
        ? undefined
        : {
            actions: mandate.actions,
            resources: mandate.resources,
            ...(mandate.purpose === undefined ? {} : { purpose: mandate.purpose }),
          },
  }
}

// What is missing there is how things were, and things are taken as they are now.
const FORGETFUL: ReadonlySet<string> = new Set([
  'state_unrecorded',
  'state_unknown',
  'state_erased',
  'revision_unknown',
])

function callOf({ arguments: given, origin }: RecordedDecision): PolicyRequest['call'] {
  if (given === undefined) return undefined
  const by: Record<'user' | 'system' | 'trusted' | 'untrusted' | 'model', string[]> = {
    user: [],
    system: [],
    trusted: [],
    untrusted: [],
    model: [],
  }
  for (const pointer of Object.keys(given)) {
    const { source, trusted } = origin?.[pointer] ?? { source: 'model', trusted: false }
    if (source === 'user' || source === 'system' || source === 'model') by[source].push(pointer)
    else by[trusted ? 'trusted' : 'untrusted'].push(pointer)
  }
  return { arguments: given, origin: by } satisfies CallFacts
}

function recordOf(value: unknown): { readonly address?: unknown } {
  return typeof value === 'object' && value !== null ? value : {}
}

/** As facts have it, or as records show it. */
function addressText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || !('__extn' in value)) return undefined
  const { __extn: call } = value
  if (typeof call !== 'object' || call === null || !('arg' in call)) return undefined
  return typeof call.arg === 'string' ? call.arg : undefined
}
