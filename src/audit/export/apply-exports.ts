import { manifestError } from '../../identity/index.ts'
import type { Queries, TenantTables } from '../../store/index.ts'
import type { ExportManifest, ExportSection } from './export-sections.ts'
import { type ExportTarget, loadTargets, type TargetSettings } from './export-target.ts'

/** What an application did to one target. */
export interface ExportChange {
  readonly kind: 'Export'
  readonly id: string
  readonly effect: 'created' | 'updated' | 'unchanged'
  readonly fields: readonly string[]
}

/** How the credentials of targets are kept and found. */
export interface ExportVault {
  /** The value of an environment variable that may be named in a manifest. */
  readonly variable: (name: string) => string | undefined
  readonly seal: (target: string, url: string, credential: string) => Uint8Array
  /** Throws `KeyError`. */
  readonly open: (target: string, url: string, sealed: Uint8Array) => string
}

export interface ApplyExportsDeps {
  readonly vault: ExportVault
  /** Whether a host, as it stands in a URL, is an address where no receiver can be. */
  readonly isRefusedAddress: (host: string) => boolean
  /** Records that the log has now: where a target begins that wants only what comes from now on. */
  readonly size: number
}

interface Declared {
  readonly id: string
  readonly entry: ExportSection
  /** `file:line: `path``, of a field where one is named. */
  readonly at: (...field: readonly string[]) => string
}

const TIMEOUT = 30_000

/**
 * Brings the targets to what `manifests` declare together; targets that they do not mention stay. The place in the log
 * stays too, whatever changes. Throws `manifest_invalid` before the first write.
 */
export async function applyExports(
  q: Queries<TenantTables>,
  manifests: readonly ExportManifest[],
  deps: ApplyExportsDeps,
): Promise<readonly ExportChange[]> {
  const all = manifests.flatMap(declaredIn)
  const before = new Map((await loadTargets(q)).map((target) => [target.id, target]))
  checkExports(all, before, deps)
  const changes: ExportChange[] = []
  for (const one of all) changes.push(await applyTarget(q, one, before.get(one.id), deps))
  return changes
}

function declaredIn(manifest: ExportManifest): Declared[] {
  return Object.entries(manifest.sections.exports ?? {}).map(([id, entry]) => ({
    id,
    entry,
    at: (...field) => {
      const path = ['exports', id, ...field]
      return `${manifest.where(path)}: \`${path.join('.')}\``
    },
  }))
}

function checkExports(all: readonly Declared[], before: ReadonlyMap<string, ExportTarget>, deps: ApplyExportsDeps) {
  const seen = new Set<string>()
  const paths = new Map<string, string>()
  for (const { id, settings } of before.values()) if (settings.kind === 'ocsf-file') paths.set(settings.path, id)
  const problems = all.flatMap((one) => {
    const again = seen.has(one.id) ? [`${one.at()}: declared twice`] : []
    seen.add(one.id)
    return [...again, ...problemsOf(one, before.get(one.id), paths, deps)]
  })
  if (problems.length > 0) throw manifestError(problems)
}

function problemsOf(
  { id, entry, at }: Declared,
  known: ExportTarget | undefined,
  paths: Map<string, string>,
  deps: ApplyExportsDeps,
): string[] {
  if (known !== undefined && known.settings.kind !== entry.kind) {
    return [`${at('kind')}: \`${id}\` is of kind ${known.settings.kind}`]
  }
  if (entry.kind === 'ocsf-file') {
    const other = paths.get(entry.path) ?? id
    paths.set(entry.path, id)
    return other === id ? [] : [`${at('path')}: \`${other}\` writes this file already`]
  }
  const problems: string[] = []
  if (deps.isRefusedAddress(URL.parse(entry.url)?.hostname ?? '')) {
    problems.push(`${at('url')}: is an address where no receiver can be`)
  }
  const { credential } = entry
  if (credential !== undefined && 'env' in credential) {
    const value = deps.vault.variable(credential.env)
    if (value === undefined || value === '') {
      problems.push(`${at('credential', 'env')}: the variable \`${credential.env}\` is not set`)
    }
  }
  if (credential === undefined && known?.sealed === undefined && entry.kind === 'webhook') {
    problems.push(`${at('credential')}: a webhook needs the secret that its bodies are signed with`)
  }
  // Whoever may only point a target elsewhere must not get its secret that way.
  if (credential === undefined && known?.sealed !== undefined && !isSameOrigin(known.settings, entry.url)) {
    problems.push(`${at('url')}: another server needs its \`credential\` to be given anew`)
  }
  return problems
}

function isSameOrigin(known: TargetSettings, url: string): boolean {
  return known.kind !== 'ocsf-file' && new URL(known.url).origin === new URL(url).origin
}

async function applyTarget(
  q: Queries<TenantTables>,
  { id, entry }: Declared,
  known: ExportTarget | undefined,
  { vault, size }: ApplyExportsDeps,
): Promise<ExportChange> {
  const settings = settingsOf(entry, known?.settings)
  const credentialBefore = known === undefined ? undefined : credentialOf(known, vault)
  const credential = declaredCredential(entry, vault) ?? credentialBefore
  const fields = changedFields(settings, known?.settings)
  if (credential !== credentialBefore) fields.push('credential')
  if (known === undefined || fields.length > 0) {
    const row = {
      kind: settings.kind,
      settings: JSON.stringify(settings),
      sealed_credential:
        credential === undefined || settings.kind === 'ocsf-file' ? null : vault.seal(id, settings.url, credential),
    }
    await q
      .insertInto('exports')
      .values({ id, ...row, next: entry.from === 'now' ? size : 0, delivered_at: null })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
  const effect = known === undefined ? 'created' : fields.length === 0 ? 'unchanged' : 'updated'
  return { kind: 'Export', id, effect, fields }
}

function settingsOf(entry: ExportSection, known: TargetSettings | undefined): TargetSettings {
  const common = {
    filter: entry.filter ?? known?.filter ?? {},
    enabled: entry.enabled ?? known?.enabled ?? true,
  }
  if (entry.kind === 'ocsf-file') return { kind: entry.kind, path: entry.path, ...common }
  const timeout = entry.timeout ?? (known !== undefined && 'timeout' in known ? known.timeout : TIMEOUT)
  if (entry.kind === 'webhook') return { kind: entry.kind, url: entry.url, timeout, ...common }
  const header = entry.header ?? (known?.kind === 'otlp' ? known.header : undefined)
  return { kind: entry.kind, url: entry.url, timeout, ...common, ...(header === undefined ? {} : { header }) }
}

function changedFields(after: TargetSettings, before: TargetSettings | undefined): string[] {
  const old = new Map(Object.entries(before ?? {}))
  return Object.entries(after)
    .filter(([name, value]) => name !== 'kind' && JSON.stringify(old.get(name)) !== JSON.stringify(value))
    .map(([name]) => name)
}

/** What a target is reached with, opened. Throws `KeyError`. */
export function credentialOf({ id, settings, sealed }: ExportTarget, vault: ExportVault): string | undefined {
  return sealed === undefined || settings.kind === 'ocsf-file' ? undefined : vault.open(id, settings.url, sealed)
}

function declaredCredential(entry: ExportSection, vault: ExportVault): string | undefined {
  if (entry.kind === 'ocsf-file' || entry.credential === undefined) return undefined
  return 'env' in entry.credential ? vault.variable(entry.credential.env) : entry.credential.value
}
