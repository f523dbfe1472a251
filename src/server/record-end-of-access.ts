import type { AccessRequest, RequestState } from '../access/index.ts'
import type { Log } from '../audit/index.ts'
import { traceOf } from '../http/index.ts'
import { type Clock, newTxn, type TenantId } from '../kernel/index.ts'

/** Records what ends by the clock: nobody's request stands behind it. */
export async function recordEndOfAccess(
  { id, subject, action, resource, role, approval, endsAt }: AccessRequest,
  state: RequestState,
  { tenant, log, clock }: { readonly tenant: TenantId; readonly log: Log; readonly clock: Clock },
): Promise<void> {
  const now = clock.now()
  await log.append({
    kind: 'change',
    tenant,
    txn: newTxn(now),
    trace: traceOf({}),
    at: now,
    persons: subject.kind === 'User' ? [subject.id] : [],
    body: {
      what: 'access-request',
      request: id,
      state,
      subject,
      ...(action === undefined ? {} : { action }),
      resource,
      role,
      ...(approval === undefined ? {} : { approval }),
      ...(endsAt === undefined ? {} : { endsAt }),
    },
  })
}
