import type { IncomingHttpHeaders } from 'node:http'
import type { Logger } from 'pino'
import {
  type Access,
  createBinding,
  isPermitted,
  openAccess,
  openAccessRequests,
  openApprovals,
  openHolds,
  openLists,
  openModes,
  openRevisions,
  packsInForce,
} from '../access/index.ts'
import { openExports, openPublication } from '../audit/index.ts'
import {
  type Catalog,
  createGateway,
  isRefusedAddress,
  openCatalog,
  publicLookup,
  toolReview,
} from '../gateway/index.ts'
import { accessRequestEndpoint, type TenantFace, traceOf } from '../http/index.ts'
import { openDirectory } from '../identity/index.ts'
import { ANONYMOUS, type Clock, type Context, newTxn, type PrincipalId, type TenantId } from '../kernel/index.ts'
import { type MasterKey, openKeyRing } from '../keys/index.ts'
import { createAuthorizationServer } from '../oauth/index.ts'
import type { Stores } from '../store/index.ts'
import { applyManifests } from './apply.ts'
import { createCandidateReplay } from './candidate-replay.ts'
import type { Config } from './config.ts'
import { readFoundation } from './foundation.ts'
import { type History, keepHistory } from './history.ts'
import { keepEntities } from './keep-entities.ts'
import { keepLimits } from './limits.ts'
import { createMetrics } from './metrics.ts'
import { builtInPacks } from './packs.ts'
import { recordEndOfAccess } from './record-end-of-access.ts'
import { recordTokensIn } from './record-tokens.ts'
import { loadResources } from './resources.ts'
import { keepRetention } from './retention.ts'
import { rolesOf } from './roles.ts'
import { keepShadow } from './shadow.ts'
import { openTenantLog } from './tenant-log.ts'
import { keepWitnessed } from './witnesses.ts'

export interface TenantDeps {
  readonly stores: Stores
  readonly master: MasterKey
  readonly publicUrl: string
  readonly clock: Clock
  readonly log: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Who cosigns the logs. */
  readonly witnesses: Config['witnesses']
  /** How many of them it takes. */
  readonly witnessQuorum: Config['witnessQuorum']
}

/** One tenant with all its rooms open. */
export interface Tenant extends TenantFace {
  readonly catalog: Catalog
  readonly history: History
  /** Asks a tool server for its tools on Sallyport's own account. */
  lookAtTools(server: string): Promise<void>
  close(): Promise<void>
}

/** Opens the rooms of one tenant, lowest first, and wires them together. */
export async function openTenant(id: TenantId, deps: TenantDeps): Promise<Tenant> {
  const { clock, stores } = deps
  const issuer = `${deps.publicUrl}/t/${id}`
  const store = await stores.tenant(id)
  const keyRing = await openKeyRing(store, deps.master, id, clock)
  const foundation = readFoundation()
  const access = openAccess(foundation, id)
  const directory = await openDirectory(store, clock, { builtInRoles: access.builtInRoles() })
  const catalog = await openCatalog({ store, keyRing, environment: deps.environment })
  const revisions = await openRevisions({
    tenant: id,
    store,
    clock,
    foundation,
    access,
    sponsorOf: (agent) => directory.principal(agent)?.sponsor,
  })
  await loadResources(store, access)
  const report = (what: string) => (error: unknown) => deps.log.error({ err: error, tenant: id }, what)
  const requests = await openAccessRequests({
    tenant: id,
    store,
    clock,
    grantable: access.grantable,
    directory,
    grantsChanged: (assignee) => access.changeRoles([assignee], rolesOf(directory, requests)),
    recordEnd: (request, state) => recordEndOfAccess(request, state, { tenant: id, log, clock }),
    report,
  })
  keepEntities({
    tenant: id,
    access,
    directory,
    catalog,
    requests,
    report: report('roles did not come to be decided on'),
  })
  const approvals = await openApprovals({
    tenant: id,
    store,
    keyRing,
    clock,
    directory,
    access,
    report: (error) => deps.log.error({ err: error, tenant: id }, 'an approval could not be kept'),
  })
  access.setApprovals(approvals)
  const lists = await openLists({ store, book: access.lists, clock, actions: access.actionNames })
  const modes = await openModes({
    store,
    clock,
    enforce(set, isOpen) {
      access.setModes(set)
      // Who cannot be identified is somebody for policies only while such callers are let through.
      access.putEntities('anonymous', isOpen ? [anonymousEntity(id)] : [])
    },
  })
  const metrics = createMetrics()
  const { log, logKeys } = await openTenantLog(id, { stores, clock, issuer, keyRing, meter: metrics.meter })
  const witnessing = await keepWitnessed({
    log,
    witnesses: deps.witnesses.map(({ url, key }) => ({ url, verifiers: key })),
    quorum: deps.witnessQuorum,
    report: (what, url) => deps.log.warn({ tenant: id, witness: url }, what),
  })
  const { reason } = log.status()
  if (reason !== undefined) deps.log.error({ tenant: id }, reason)

  const authorization = await createAuthorizationServer({
    tenant: id,
    issuer,
    store,
    keyRing,
    directory,
    clock,
    audiences: [
      { uri: `${issuer}/gw`, scopes: ['models', 'tools'] },
      { uri: `${issuer}/api`, scopes: ['admin'] },
    ],
    recordToken: recordTokensIn(log, id),
    reportFault: report('the authorization server failed'),
  })
  const history = await keepHistory({
    tenant: id,
    store,
    clock,
    access,
    revisions,
    log,
    report: report('what decisions were made on could not be kept'),
  })
  const limits = await keepLimits(access, {
    store,
    clock,
    log,
    meter: metrics.limits,
    report: report('what is used of limits could not be kept'),
  })
  const shadows = await keepShadow({
    tenant: id,
    store,
    clock,
    access,
    revisions,
    directory,
    log,
    report: report('a candidate in shadow could not be followed'),
  })
  const holds = openHolds(clock)
  const publication = await openPublication(store)
  const retention = keepRetention({
    tenant: id,
    log,
    journal: history.journal,
    store,
    clock,
    report: report('retention rules were not applied'),
  })
  const exports = await openExports({
    tenant: id,
    store,
    keyRing,
    environment: deps.environment,
    log,
    directory: stores.tenantFile(id, '.exports'),
    guard: { lookup: publicLookup, isRefusedAddress },
    clock,
    report: (target, error) => deps.log.warn({ err: error, tenant: id, target }, 'records could not be exported'),
  })
  const measured = metrics.measured(access)
  metrics.watch(log, exports, witnessing, modes)
  const gateway = createGateway({
    tenant: id,
    clock,
    publicUrl: issuer,
    authorization,
    directory,
    access: measured,
    letsAnonymous: (gate, audience) =>
      modes.letsAnonymous(gate, gate === 'tools' ? audience.split('/').at(-1) : undefined),
    log,
    catalog,
    ended: metrics.ended,
    report: ({ what, txn, error }) => deps.log.warn({ err: error, tenant: id, txn }, what),
  })

  const shipped = { packs: builtInPacks(), schema: readFoundation().schema }
  return {
    id,
    issuer,
    directory,
    access: measured,
    holds,
    lists,
    history,
    modes,
    packs: { list: builtInPacks, inForce: () => packsInForce(revisions.active().files, shipped) },
    approvals,
    requests,
    revisions,
    shadows,
    replay: createCandidateReplay({
      tenant: id,
      clock,
      path: stores.tenantFile(id, '.log.db'),
      sealing: () => keyRing.logSealing(),
      revisions,
      directory,
      changes: () => history.journal.changes(),
    }),
    binding: createBinding({ issuer, endpoint: accessRequestEndpoint(issuer), keyRing, clock }),
    catalog,
    log,
    cursors: keyRing,
    metrics,
    exports,
    publication,
    logKeys,
    authorization,
    gateway,
    toolReview: toolReview(catalog, clock),
    async authenticate(headers: IncomingHttpHeaders): Promise<Context> {
      const { caller, txn } = await authorization.authenticateBearer(headers, `${issuer}/api`)
      return { tenant: id, txn, trace: traceOf(headers), clock, caller }
    },
    contextOf: ({ address: _, ...asker }, principal) => ({
      ...asker,
      caller: {
        chain: [{ kind: principal.kind, id: principal.id }],
        delegation: undefined,
        authentication: { method: 'asserted', at: clock.now() },
        scope: undefined,
        credential: asker.caller.credential,
        expiresAt: asker.caller.expiresAt,
      },
    }),
    apply: (manifests, policies, asked) =>
      applyManifests(manifests, policies, {
        tenant: id,
        store,
        directory,
        catalog,
        exports,
        publication,
        access,
        lists,
        revisions,
        self: ownContext(id, clock),
        by: asked?.by ?? ownContext(id, clock).caller.chain,
        permit: asked?.permit,
        check: asked?.check,
      }),
    onCut: (ctx, cut, action) =>
      gateway.watch({
        caller: ctx.caller,
        isAllowed: () =>
          action === undefined || isPermitted(measured.decide(ctx, { action, resource: { type: 'Tenant', id } })),
        end: cut,
      }),
    async lookAtTools(server) {
      await gateway.lookAtTools(ownContext(id, clock), server)
    },
    async close() {
      await gateway.close()
      holds.close()
      await limits.close()
      await exports.close()
      approvals.close()
      await requests.close()
      await retention.close()
      await shadows.close()
      await witnessing.close()
      await history.close()
      await log.close()
    },
  }
}

function anonymousEntity(tenant: TenantId): Parameters<Access['putEntities']>[1][number] {
  const { kind: type, id } = ANONYMOUS
  const attrs = { name: 'whoever cannot be identified', status: 'active' }
  return { uid: { type, id }, attrs, parents: [{ type: 'Tenant', id: tenant }] }
}

/** For what Sallyport does of its own accord: it stands in no directory, so nothing is ever permitted to it. */
function ownContext(tenant: TenantId, clock: Clock): Context {
  const now = clock.now()
  return {
    tenant,
    txn: newTxn(now),
    trace: traceOf({}),
    clock,
    caller: {
      chain: [{ kind: 'Service', id: SALLYPORT }],
      delegation: undefined,
      authentication: { method: 'asserted', at: now },
      scope: new Set(),
      credential: 'none',
      expiresAt: now,
    },
  }
}

// a valid id, which no manifest of ours gives to anybody
const SALLYPORT = 'sallyport' as PrincipalId
