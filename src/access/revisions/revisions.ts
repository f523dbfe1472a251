import { type Clock, type PrincipalId, type PrincipalRef, SallyportError } from '../../kernel/index.ts'
import type { Queries, TenantStore, TenantTables } from '../../store/index.ts'
import type { Access } from '../access.ts'
import { AccessError } from '../errors.ts'
import type { Foundation } from '../foundation.ts'
import { type Layer, layerOf, layerText, type PolicyFile } from '../layers.ts'
import { activate, recordWhole } from './activate.ts'
import { revisionAddress, shortAddress, type TestFile } from './address.ts'
import { bytesOf, checkContents } from './contents.ts'
import { addEvidence, checkEvidence, type Examination, examine } from './evidence.ts'
import { layerKey, parseLayerKey } from './layer-key.ts'
import { filesUnder, loadActive, previous, sameFiles } from './layers-in-force.ts'
import { dropFirst } from './pruning.ts'
import { requiredEvidence } from './required-evidence.ts'
import type {
  Activating,
  Activation,
  Active,
  Asked,
  Evidence,
  Layers,
  Revision,
  RevisionFiles,
  RevisionState,
  Whole,
} from './revision.ts'
import type { DecidedRevision } from './revision-question.ts'
import {
  activationOf,
  evidenceOf,
  filesOf,
  foundationOf,
  insertRevision,
  keptFiles,
  revisionOf,
} from './revision-rows.ts'

/** What a revision is made of, and by whom. */
export interface Pushed {
  readonly layer: Layer
  readonly files: readonly (PolicyFile | TestFile)[]
  readonly message: string
  /** The chain of whoever pushes, the subject first. */
  readonly by: readonly PrincipalRef[]
  /** What it was made from, null for nothing; refused where something else is active. What is active where it says nothing. */
  readonly parent?: string | null
}

/** The policies of one tenant as they were, are, and may come to be. */
export interface Revisions {
  /**
   * Keeps files as a revision of their layer, and finds out what is wrong with it; nothing comes in force. The same
   * files are the same revision, however often they are pushed. Throws `revision_invalid`, `revision_conflict`.
   */
  push(pushed: Pushed): Promise<Revision>
  /** Newest first; from the layer where one is given. */
  list(wanted: {
    readonly layer?: Layer | undefined
    /** The last one of the page before. */
    readonly before?: string | undefined
    readonly limit: number
  }): Promise<readonly Revision[]>
  /** By address, or by enough of its first digits. Throws `revision_unknown`, `revision_ambiguous`. */
  find(prefix: string): Promise<Revision>
  /** Throws `revision_unknown`. */
  files(address: string): Promise<RevisionFiles>
  /** What decides now. */
  active(): Active
  /** All that ever decided together under this address, to decide again with; undefined where nothing has. */
  whole(address: string): Promise<Whole | undefined>
  /** What would decide together if these were active. Throws `revision_unknown`, `revision_invalid` for two of one layer. */
  supposing(addresses: readonly string[]): Promise<Omit<Whole, 'address'>>
  /** Newest first. */
  activations(wanted: {
    readonly layer?: Layer | undefined
    readonly before?: number | undefined
    readonly limit: number
  }): Promise<readonly Activation[]>
  /** Adds what was found out about a revision. Throws `revision_unknown`. */
  attachEvidence(address: string, evidence: Evidence): Promise<void>
  /**
   * Brings revisions in force, all of them or none. Rejects with `revision_conflict` where something else has come in
   * force since they were pushed, and with `policies_invalid`, `tests_failed`, `evidence_missing`; what was in force then
   * stays.
   */
  activate(addresses: readonly string[], asked: Asked): Promise<readonly Activation[]>
  /**
   * Brings back a revision that was active in a layer before; see `rollbackTarget`. Rejects with `rollback_impossible`,
   * `policies_invalid`.
   */
  rollback(layer: Layer, to: string, asked: Asked): Promise<readonly Activation[]>
  /**
   * What a rollback of a layer goes back to: the revision with this beginning, or what was active before. Where nothing
   * was, to nothing at all. Throws `revision_unknown`, `rollback_impossible`.
   */
  rollbackTarget(layer: Layer, to: string | undefined): Promise<DecidedRevision>
  /** What the tenant demands of a revision before it comes in force. */
  required(): Promise<readonly string[]>
  /**
   * Throws `evidence_missing` where `replaceAll` would. What `check` rejects with comes before anything has changed: asked
   * to `replaceAll`, it would come after what else is applied together with these policies.
   */
  checkReplaceAll(files: readonly PolicyFile[], asked: Pick<Asked, 'by' | 'check'>): Promise<void>
  /**
   * Replaces everything below the foundation at once: what is the same stays as it is. `from` is the whole that the files
   * were put together from. Rejects with `revision_conflict` where another is in force, `policies_invalid`,
   * `evidence_missing`.
   */
  replaceAll(files: readonly PolicyFile[], asked: Asked & { readonly from: string }): Promise<readonly Activation[]>
}

export interface RevisionDeps {
  readonly tenant: string
  readonly store: TenantStore
  readonly clock: Clock
  readonly foundation: Foundation
  readonly access: Pick<Access, 'prepare' | 'setPolicies' | 'revision'>
  /** Who answers for an agent. */
  sponsorOf(id: PrincipalId): string | undefined
}

/** Opens the revisions of a tenant, and brings in force what was. Throws `policies_invalid`. */
export async function openRevisions(deps: RevisionDeps): Promise<Revisions> {
  const { store, clock, access } = deps
  const loaded = await store.read(loadActive)
  await access.setPolicies(loaded.files)
  let active: Active = { ...loaded, whole: access.revision() }
  await store.write((q) => recordWhole(q, deps, active.revisions, access.revision()))

  const shown = async (q: Queries<TenantTables>, row: TenantTables['policy_revisions']): Promise<Revision> => {
    const { evidence } = await evidenceFor(q, row.address)
    const revision = revisionOf(row)
    return { ...revision, evidence, state: stateOf(revision, evidence, active.revisions) }
  }
  const known = async (q: Queries<TenantTables>, address: string): Promise<Revision> => {
    const row = await q.selectFrom('policy_revisions').selectAll().where('address', '=', address).executeTakeFirst()
    if (row === undefined || row.layer === 'foundation') throw unknownRevision(address)
    return shown(q, row)
  }
  const supposing = async (addresses: readonly string[]): Promise<Layers> => {
    const found = await store.read((q) => Promise.all(addresses.map((address) => known(q, address))))
    const revisions = new Map(active.revisions)
    for (const { layer, address } of found) revisions.set(layerKey(layer), address)
    if (new Set(found.map(({ layer }) => layerKey(layer))).size < found.length) {
      throw new AccessError('revision_invalid', 'of a layer one revision can be active')
    }
    return { changed: found, revisions, files: await store.read((q) => filesUnder(q, revisions)) }
  }
  const keep = async ({ layer, files, message, by, parent }: Pushed): Promise<Revision> => {
    checkContents(layer, files)
    const address = revisionAddress(layer, files)
    const key = layerKey(layer)
    const now = active.revisions.get(key)
    if (parent !== undefined && (parent ?? undefined) !== now) throw conflict(layer, parent ?? undefined, now)
    const people = usersBehind(by, deps.sponsorOf)
    return store.write(async (q) => {
      const before = await q
        .selectFrom('policy_revisions')
        .selectAll()
        .where('address', '=', address)
        .executeTakeFirst()
      const bytes = bytesOf(files)
      const said = { message, author: JSON.stringify(by), parent: now ?? null, pushed_at: clock.now() }
      if (before === undefined) {
        await dropFirst(q, key, bytes)
        const row = { address, layer: key, authors: JSON.stringify(people), bytes, activated_at: null, ...said }
        await insertRevision(q, row, keptFiles(files))
      } else if (address !== now) {
        const authors = JSON.stringify([...new Set([...revisionOf(before).authors, ...people])])
        await q
          .updateTable('policy_revisions')
          .set({ ...said, authors })
          .where('address', '=', address)
          .execute()
      }
      return known(q, address)
    })
  }
  const examination: Examination = { ...deps, attach: (address, evidence) => attach(address, evidence) }
  const attach = (address: string, evidence: Evidence): Promise<void> =>
    store.write(async (q) => {
      await known(q, address)
      await addEvidence(q, address, evidence)
    })

  const find = (prefix: string): Promise<Revision> =>
    store.read(async (q) => {
      if (!/^[0-9a-f]{4,64}$/.test(prefix)) throw unknownRevision(prefix)
      const rows = await q
        .selectFrom('policy_revisions')
        .selectAll()
        .where('address', '>=', prefix)
        .where('address', '<', `${prefix}g`)
        .where('layer', '!=', 'foundation')
        .limit(2)
        .execute()
      const [row, another] = rows
      if (row === undefined) throw unknownRevision(prefix)
      if (another === undefined) return shown(q, row)
      throw new AccessError('revision_ambiguous', `more than one revision begins with \`${prefix}\``)
    })

  let examining: Promise<unknown> = Promise.resolve()
  // One change of what is in force after the other: each sees what the one before has left.
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = queue.then(work)
    queue = mine.catch(() => undefined)
    return mine
  }
  const bringInForce = async (layers: Layers, how: Activating): Promise<readonly Activation[]> => {
    const required = await requiredEvidence(store)
    const done = await activate(layers, active, { ...how, required }, deps)
    active = { whole: access.revision(), files: layers.files, revisions: layers.revisions }
    return done
  }

  return {
    async push(pushed) {
      const { address } = await keep(pushed)
      // Drafts wait for each other, so that they never take all the time there is; what comes in force waits for none.
      examining = examining.then(async () => {
        if (active.revisions.get(layerKey(pushed.layer)) === address) return
        await examine(await supposing([address]), pushed.by, examination).catch(forEvidence)
      })
      const mine = examining
      examining = mine.catch(() => undefined)
      await mine
      return store.read((q) => known(q, address))
    },
    list: ({ layer, before, limit }) =>
      store.read(async (q) => {
        let query = q
          .selectFrom('policy_revisions')
          .selectAll()
          .where('layer', '!=', 'foundation')
          .orderBy('pushed_at', 'desc')
          .orderBy('address')
          .limit(limit)
        if (layer !== undefined) query = query.where('layer', '=', layerKey(layer))
        if (before !== undefined) {
          const { pushedAt: at, address } = await known(q, before)
          query = query.where((row) =>
            row.or([row('pushed_at', '<', at), row.and([row('pushed_at', '=', at), row('address', '>', address)])]),
          )
        }
        return Promise.all((await query.execute()).map((row) => shown(q, row)))
      }),
    find,
    files: (address) =>
      store.read(async (q) => {
        await known(q, address)
        return filesOf(q, address)
      }),
    active: () => active,
    whole: (address) =>
      store.read(async (q) => {
        const row = await q.selectFrom('policy_wholes').selectAll().where('address', '=', address).executeTakeFirst()
        if (row === undefined) return undefined
        const revisions = new Map(Object.entries(JSON.parse(row.layers) as Record<string, string>)) // written by recordWhole
        const foundation = await foundationOf(q, row.foundation)
        return { address, foundation, revisions, files: await filesUnder(q, revisions) }
      }),
    async supposing(addresses) {
      const { files, revisions } = await supposing(addresses)
      return { foundation: deps.foundation, files, revisions }
    },
    activations: ({ layer, before, limit }) =>
      store.read(async (q) => {
        let query = q.selectFrom('policy_activations').selectAll().orderBy('id', 'desc').limit(limit)
        if (layer !== undefined) query = query.where('layer', '=', layerKey(layer))
        if (before !== undefined) query = query.where('id', '<', before)
        return (await query.execute()).map(activationOf)
      }),
    attachEvidence: attach,
    activate: (addresses, asked) =>
      inTurn(async () => {
        const layers = await supposing(addresses)
        for (const { layer, address, parent } of layers.changed) {
          const now = active.revisions.get(layerKey(layer))
          if (now === address) {
            throw new AccessError('revision_active', `\`${shortAddress(address)}\` is active already`)
          }
          if (now !== parent) throw conflict(layer, parent, now)
        }
        await examine(layers, asked.by, examination)
        return bringInForce(layers, { ...asked, kind: 'activate' })
      }),
    async rollbackTarget(layer, to) {
      const now = active.revisions.get(layerKey(layer))
      const before = to ?? (await store.read((q) => previous(q, layer, now)))
      if (before === undefined) {
        const empty = revisionAddress(layer, [])
        if (now === undefined || now === empty) throw impossible(`nothing is active in ${layerText(layer)}`)
        return { address: empty, layer, authors: [] }
      }
      const found = await find(before)
      if (layerKey(found.layer) !== layerKey(layer)) {
        throw impossible(`\`${shortAddress(found.address)}\` is not of ${layerText(layer)}`)
      }
      if (found.state === 'active') throw impossible(`\`${shortAddress(found.address)}\` is active`)
      if (found.activatedAt === undefined) throw impossible(`\`${shortAddress(found.address)}\` was never active`)
      return found
    },
    rollback: (layer, to, asked) =>
      inTurn(async () => {
        // Nothing at all can be gone back to without anybody having pushed it.
        if (to === revisionAddress(layer, [])) await keep({ layer, files: [], message: asked.message, by: asked.by })
        const layers = await supposing([to])
        if (active.revisions.get(layerKey(layer)) === to) throw impossible(`\`${shortAddress(to)}\` is active`)
        return bringInForce(layers, { ...asked, kind: 'rollback' })
      }),
    required: () => requiredEvidence(store),
    async checkReplaceAll(files, { by, check }) {
      const required = await requiredEvidence(store)
      if (required.length === 0 && check === undefined) return
      const candidate = await access.prepare(files)
      const authors = usersBehind(by, deps.sponsorOf)
      await check?.(
        candidate,
        changedLayers(files, active).map(({ layer, files: own }) => ({
          layer,
          address: revisionAddress(layer, own),
          authors,
        })),
      )
      if (required.length === 0) return
      const changed = await store.read((q) =>
        Promise.all(changedLayers(files, active).map((one) => evidenceFor(q, revisionAddress(one.layer, one.files)))),
      )
      checkEvidence({ changed }, candidate.revision, required)
    },
    replaceAll: (files, asked) =>
      inTurn(async () => {
        if (asked.from !== active.whole) {
          throw new AccessError('revision_conflict', 'other policies came in force meanwhile: apply again')
        }
        const changed = changedLayers(files, active)
        if (changed.length === 0) return []
        const addresses: string[] = []
        for (const { layer, files: own } of changed) {
          addresses.push((await keep({ layer, files: own, message: asked.message, by: asked.by })).address)
        }
        return bringInForce(await supposing(addresses), { ...asked, kind: 'apply' })
      }),
  }
}

async function evidenceFor(q: Queries<TenantTables>, address: string): Promise<Pick<Revision, 'evidence'>> {
  const rows = await q.selectFrom('policy_evidence').selectAll().where('revision', '=', address).orderBy('id').execute()
  return { evidence: rows.map(evidenceOf) }
}

function stateOf(
  { address, layer, activatedAt }: Pick<Revision, 'address' | 'layer' | 'activatedAt'>,
  evidence: readonly Evidence[],
  active: ReadonlyMap<string, string>,
): RevisionState {
  if (active.get(layerKey(layer)) === address) return 'active'
  if (activatedAt !== undefined) return 'superseded'
  const last = new Map(evidence.map(({ kind, result }) => [kind, result]))
  if (last.get('check') !== 'passed') return 'draft'
  const reached = STEPS.findLast(([kind]) => last.get(kind) === 'passed')
  return reached === undefined ? 'checked' : reached[1]
}

const STEPS = [
  ['test', 'tested'],
  ['replay', 'replayed'],
  ['shadow', 'shadowed'],
] as const

/** What the files of each layer would be, where that is not what is active. */
function changedLayers(files: readonly PolicyFile[], active: Active): readonly Pick<Pushed, 'layer' | 'files'>[] {
  const [wanted, now] = [byLayer(files), byLayer(active.files)]
  return [...new Set([...wanted.keys(), ...now.keys()])].flatMap((key) => {
    const layer = parseLayerKey(key)
    const own = wanted.get(key) ?? []
    return layer === undefined || sameFiles(own, now.get(key) ?? []) ? [] : [{ layer, files: own }]
  })
}

function byLayer(files: readonly PolicyFile[]): ReadonlyMap<string, readonly PolicyFile[]> {
  return Map.groupBy(files, (file) => layerKey(layerOf(file)))
}

/** Everybody who stands behind a push: users themselves, and those who answer for the agents of the chain. */
function usersBehind(chain: readonly PrincipalRef[], sponsorOf: RevisionDeps['sponsorOf']): readonly string[] {
  return chain.flatMap(({ kind, id }) => (kind === 'User' ? [id] : (sponsorOf(id) ?? [])))
}

/** What is wrong with a draft stands in its evidence; whoever pushes it is not refused. */
function forEvidence(error: unknown): void {
  if (!(error instanceof SallyportError)) throw error
}

function unknownRevision(prefix: string): AccessError {
  return new AccessError('revision_unknown', `no revision \`${shortAddress(prefix)}\``)
}

function conflict(layer: Layer, made: string | undefined, now: string | undefined): AccessError {
  const named = (address: string | undefined): string =>
    address === undefined ? 'nothing' : `\`${shortAddress(address)}\``
  return new AccessError(
    'revision_conflict',
    `it was made from ${named(made)}, and ${named(now)} is active in ${layerText(layer)} now: look at what has changed, and push again`,
  )
}

function impossible(why: string): AccessError {
  return new AccessError('rollback_impossible', `there is nothing to go back to: ${why}`)
}
