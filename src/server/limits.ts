import { type Access, type LimitMeter, openLedger, openRates, type UsedShare } from '../access/index.ts'
import type { Log } from '../audit/index.ts'
import type { Clock, Context } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'

/** Lets limits be counted in the tenant's store, and tells of them in its log. Nothing is limited before. */
export async function keepLimits(
  access: Access,
  deps: {
    readonly store: TenantStore
    readonly clock: Clock
    readonly log: Pick<Log, 'append'>
    readonly meter: LimitMeter
    readonly report: (error: unknown) => void
  },
): Promise<{ close(): Promise<void> }> {
  const { store, clock, meter, report } = deps
  const ledger = await openLedger({ store, clock, report })
  access.setLimits({
    ledger,
    rates: openRates(),
    meter,
    onShare: (ctx, share) => {
      tell(ctx, share, deps.log).catch(report)
    },
  })
  return { close: () => ledger.close() }
}

async function tell(ctx: Context, share: UsedShare, log: Pick<Log, 'append'>): Promise<void> {
  const { tenant, txn, trace, caller } = ctx
  const { statement: limit, title, ...used } = share
  await log.append({
    kind: 'alert',
    tenant,
    txn,
    trace,
    at: ctx.clock.now(),
    body: { alert: 'limit_used', limit, ...(title === undefined ? {} : { title }), ...used, chain: caller.chain },
  })
}
