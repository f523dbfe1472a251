import { type Access, openShadows, type Revisions, type ShadowLog, type Shadows } from '../access/index.ts'
import { isKind, type Log } from '../audit/index.ts'
import type { Directory } from '../identity/index.ts'
import { type Clock, newTxn, parseTxn, type TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'
import { kindText } from './kind-text.ts'

/** Lets candidates be tried on live requests, with the log to say which records differ, and to keep that. */
export function keepShadow(deps: {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly clock: Clock
  readonly access: Access
  readonly revisions: Revisions
  readonly directory: Directory
  readonly log: Pick<Log, 'byTxn' | 'append'>
  readonly report: (error: unknown) => void
}): Promise<Shadows> {
  const { directory, log, ...rest } = deps
  return openShadows({
    ...rest,
    log: shadowLog(deps),
    kindOf: ({ type, id }) => kindText(type, directory.principal(id)),
  })
}

function shadowLog({ tenant, clock, log }: Parameters<typeof keepShadow>[0]): ShadowLog {
  return {
    async find({ txn, action, resource }) {
      const parsed = parseTxn(txn)
      if (parsed === undefined) return undefined
      for (const record of await log.byTxn(parsed)) {
        if (!isKind(record, 'decision')) continue
        const place = placeIn(record.body, action, resource)
        if (place !== undefined) return { index: record.index, place }
      }
      return undefined
    },
    async record({ candidate, differences, more }) {
      const now = clock.now()
      await log.append({
        kind: 'change',
        tenant,
        txn: newTxn(now),
        trace: '0'.repeat(32),
        at: now,
        body: { operation: 'policy:shadow', candidate, differences, more },
      })
    },
  }
}

type Body = { readonly [name: string]: unknown }

/** Which question of a record it was; as `recordedDecisions` counts them. */
function placeIn(
  body: Body,
  action: string,
  resource: { readonly type: string; readonly id: string },
): number | undefined {
  const is = (asked: Body): boolean => {
    const on = asked.resource
    if (asked.action !== action || typeof on !== 'object' || on === null) return false
    return 'type' in on && 'id' in on && on.type === resource.type && on.id === resource.id
  }
  const { questions } = body
  if (!Array.isArray(questions) || questions.length === 0) return is(body) ? 0 : undefined
  const first = body.answered === true ? 1 : 0
  if (first === 1 && is(body)) return 0
  const found = questions.findIndex((question: Body) => is(question))
  return found < 0 ? undefined : found + first
}
