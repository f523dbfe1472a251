import type { LookupFunction } from 'node:net'
import type { Clock, TenantId } from '../../kernel/index.ts'
import type { KeyRing } from '../../keys/index.ts'
import type { TenantStore } from '../../store/index.ts'
import { AuditError } from '../errors.ts'
import type { Log } from '../log.ts'
import { applyExports, credentialOf, type ExportChange, type ExportVault } from './apply-exports.ts'
import type { Deliver } from './deliver.ts'
import { type ExportPace, ExportRunner } from './export-runner.ts'
import type { ExportManifest } from './export-sections.ts'
import { type ExportTarget, loadTargets } from './export-target.ts'
import { guardedPost } from './guarded-post.ts'
import { ocsfFile } from './ocsf-file.ts'
import { otlpLogs } from './otlp.ts'
import { countRefused, dropRefused, keepRefused, loadRefused, type SetAside } from './refused-records.ts'
import { webhook } from './webhook.ts'

/** Where no receiver can be. The gateway has the same rule for upstreams; wired in server/. */
export interface ReceiverGuard {
  /** `dns.lookup` without the addresses where no receiver can be. */
  readonly lookup: LookupFunction
  readonly isRefusedAddress: (host: string) => boolean
}

export interface ExportsOptions {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly keyRing: Pick<KeyRing, 'seal' | 'open'>
  /** Where manifests may take credentials from; only variables named for exports are ever read. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Pick<Log, 'origin' | 'read' | 'status' | 'tail'>
  /** What files are written below. */
  readonly directory: string
  readonly guard: ReceiverGuard
  readonly clock: Clock
  /** For the operator: what went wrong without anybody having been told. */
  readonly report: (target: string, error: unknown) => void
  readonly pace?: Partial<ExportPace>
}

export interface ExportStatus {
  readonly id: string
  readonly kind: 'ocsf-file' | 'otlp' | 'webhook'
  /** The file, or the server. */
  readonly to: string
  /** `off`: it was switched off, and keeps its place. */
  readonly state: 'off' | 'idle' | 'sending' | 'failing'
  /** Index of the first record that was not delivered yet. */
  readonly next: number
  /** Records that it is behind the log, wanted or not. */
  readonly lag: number
  /** Age of the oldest of them, in seconds. */
  readonly lagSeconds: number
  /** Failures since the process started. */
  readonly failed: number
  /** Records that it refused, and that are set aside until they are sent again or skipped. */
  readonly refused: number
  readonly error?: string
  /** When a batch was last delivered; milliseconds since the epoch. */
  readonly deliveredAt?: number
}

/** The targets that the records of one tenant are exported to. */
export interface Exports {
  /** Brings the targets to what the manifests declare. Throws `manifest_invalid`. */
  apply(...manifests: readonly ExportManifest[]): Promise<readonly ExportChange[]>
  /** In the order of their ids. */
  list(): Promise<readonly ExportStatus[]>
  /** What a target refused and is set aside, the oldest first. Rejects with `export_unknown`. */
  refused(id: string): Promise<readonly SetAside[]>
  /** Sends that once more, as soon as it is its turn; returns how many records. Rejects with `export_unknown`. */
  retry(id: string): Promise<number>
  /** Gives that up for good; returns how many records. Rejects with `export_unknown`. */
  skip(id: string): Promise<number>
  /** Takes a target away, with its place and what is set aside. Rejects with `export_unknown`. */
  remove(id: string): Promise<void>
  /** Breaks off deliveries and keeps every place. To be called before the log is closed. */
  close(): Promise<void>
}

const PACE: ExportPace = { linger: 50, firstBackoff: 500, mostBackoff: 60_000, mostInARow: 100 }

/** Opens the targets of a tenant and goes on where each of them was. */
export async function openExports(options: ExportsOptions): Promise<Exports> {
  const { store, log, clock } = options
  const vault = vaultOf(options)
  const running = new Map<string, { readonly target: ExportTarget; readonly runner: ExportRunner }>()
  const delivered = new Map<string, number>()

  const start = (target: ExportTarget): void => {
    if (target.deliveredAt !== undefined) delivered.set(target.id, target.deliveredAt)
    if (!target.settings.enabled) return
    const runner = new ExportRunner({
      log,
      deliver: delivererOf(target, vault, options),
      filter: target.settings.filter,
      next: target.next,
      pace: { ...PACE, ...options.pace },
      report: (error) => options.report(target.id, error),
      async save(next, isDelivered, refused) {
        const now = clock.now()
        const row = isDelivered ? { next, delivered_at: now } : { next }
        await store.write(async (q) => {
          await q.updateTable('exports').set(row).where('id', '=', target.id).execute()
          if (refused !== undefined) await keepRefused(q, target.id, { ...refused, at: now })
        })
        if (isDelivered) delivered.set(target.id, now)
        if (refused !== undefined) aside.set(target.id, (aside.get(target.id) ?? 0) + refused.count)
      },
      async settled({ first }) {
        await store.write((q) => dropRefused(q, target.id, first))
        await countAside()
      },
    })
    running.set(target.id, { target, runner })
    runner.start()
  }
  const stop = async (id: string): Promise<void> => {
    const runner = running.get(id)?.runner
    running.delete(id)
    await runner?.stop()
  }

  let aside = new Map<string, number>()
  const countAside = async (): Promise<void> => {
    aside = new Map(await countRefused(store))
  }
  await countAside()
  let targets = await store.read(loadTargets)
  for (const target of targets) start(target)
  const stopTail = log.tail(() => {
    for (const { runner } of running.values()) runner.wake()
  })

  // One change after the other.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }

  return {
    apply: (...manifests) =>
      inTurn(async () => {
        const { size } = log.status()
        const { isRefusedAddress } = options.guard
        const changes = await store.write((q) => applyExports(q, manifests, { vault, isRefusedAddress, size }))
        const changed = new Set(changes.filter(({ effect }) => effect !== 'unchanged').map(({ id }) => id))
        for (const id of changed) await stop(id)
        targets = await store.read(loadTargets)
        for (const target of targets) if (changed.has(target.id)) start(target)
        return changes
      }),
    list: () => Promise.all(targets.map((target) => statusOf(target, running.get(target.id)?.runner))),
    async refused(id) {
      known(id)
      return loadRefused(store, id)
    },
    retry: (id) =>
      inTurn(async () => {
        known(id)
        const all = await loadRefused(store, id)
        const runner = running.get(id)?.runner
        if (runner === undefined) throw new AuditError('export_failed', `\`${id}\` is switched off`)
        runner.retry(all)
        return all.reduce((sum, { count }) => sum + count, 0)
      }),
    skip: (id) =>
      inTurn(async () => {
        known(id)
        const count = aside.get(id) ?? 0
        await store.write((q) => dropRefused(q, id))
        await countAside()
        return count
      }),
    remove: (id) =>
      inTurn(async () => {
        known(id)
        await stop(id)
        await store.write(async (q) => {
          await dropRefused(q, id)
          await q.deleteFrom('exports').where('id', '=', id).execute()
        })
        delivered.delete(id)
        await countAside()
        targets = await store.read(loadTargets)
      }),
    async close() {
      stopTail()
      await inTurn(() => Promise.all([...running.keys()].map(stop)))
    },
  }

  function known(id: string): void {
    if (!targets.some((target) => target.id === id)) throw new AuditError('export_unknown', `no export \`${id}\``)
  }

  async function statusOf(target: ExportTarget, runner: ExportRunner | undefined): Promise<ExportStatus> {
    const { id, settings } = target
    const { state, next, failed, error } = runner?.status() ?? {
      state: 'off' as const,
      next: target.next,
      failed: 0,
      error: undefined,
    }
    const deliveredAt = delivered.get(id)
    return {
      id,
      kind: settings.kind,
      // The rest of a URL may be a secret of the receiver's.
      to: settings.kind === 'ocsf-file' ? settings.path : new URL(settings.url).origin,
      state,
      next,
      lag: Math.max(0, log.status().size - next),
      lagSeconds: await ageOf(next),
      failed,
      refused: aside.get(id) ?? 0,
      ...(error === undefined ? {} : { error }),
      ...(deliveredAt === undefined ? {} : { deliveredAt }),
    }
  }

  async function ageOf(index: number): Promise<number> {
    if (index >= log.status().size) return 0
    // A damaged record has an age too, and whoever asks how far behind a target is must get an answer.
    const record = await log.read(index).catch(() => undefined)
    return record === undefined ? 0 : Math.max(0, Math.floor((clock.now() - record.at) / 1000))
  }
}

function delivererOf(target: ExportTarget, vault: ExportVault, options: ExportsOptions): Deliver {
  const { settings } = target
  const { clock, tenant, log } = options
  if (settings.kind === 'ocsf-file') return ocsfFile(options.directory, settings.path)
  const post = guardedPost({ ...settings, lookup: options.guard.lookup })
  const credential = credentialOf(target, vault)
  if (settings.kind === 'webhook') return webhook({ post, secret: credential ?? '', origin: log.origin, clock })
  return otlpLogs({ post, credential: headerOf(settings.header, credential), tenant, clock })
}

function headerOf(name: string | undefined, credential: string | undefined): readonly [string, string] | undefined {
  if (credential === undefined) return undefined
  return name === undefined ? ['authorization', `Bearer ${credential}`] : [name, credential]
}

function vaultOf({ keyRing, environment }: ExportsOptions): ExportVault {
  // A sealed credential belongs to one target at one server: moved to another row or URL it does not open.
  const purpose = (target: string, url: string) => `export ${target} ${new URL(url).origin}`
  return {
    variable: (name) => environment[name],
    seal: (target, url, credential) => keyRing.seal(Buffer.from(credential), purpose(target, url)),
    open: (target, url, sealed) => Buffer.from(keyRing.open(sealed, purpose(target, url))).toString('utf8'),
  }
}
