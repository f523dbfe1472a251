import { manifestError } from '../../identity/index.ts'
import type { Queries, TenantTables } from '../../store/index.ts'
import type { CatalogChanges } from './catalog.ts'
import type { Timeouts, Upstream } from './entries.ts'
import type { CatalogManifest, ModelSection, UpstreamSection } from './sections.ts'
import type { Snapshot, UpstreamSettings } from './snapshot.ts'

const TIMEOUTS: Timeouts = { connect: 5_000, firstByte: 300_000, idle: 120_000 }

/** How the credentials of upstreams are kept and found. */
export interface CredentialVault {
  /** The value of an environment variable that may be named in a manifest. */
  readonly variable: (name: string) => string | undefined
  readonly seal: (upstream: string, url: string, credential: string) => Uint8Array
  readonly open: (upstream: string, url: string, sealed: Uint8Array) => string
}

type Q = Queries<TenantTables>
type Change = CatalogChanges[number]

interface Declared<Entry> {
  readonly id: string
  readonly entry: Entry
  /** `file:line: `path``, of a field where one is named. */
  readonly at: (...field: readonly string[]) => string
}

/**
 * Brings the catalogue to what `manifests` declare together. A field that is left out stays as it is; nothing is removed
 * that they do not mention. Throws `manifest_invalid` before the first write.
 */
export async function applyCatalog(
  q: Q,
  manifests: readonly CatalogManifest[],
  before: Snapshot,
  vault: CredentialVault,
): Promise<CatalogChanges> {
  const upstreams = manifests.flatMap((manifest) => declared(manifest, 'upstreams', manifest.sections.upstreams))
  const models = manifests.flatMap((manifest) => declared(manifest, 'models', manifest.sections.models))
  const problems = [
    ...repeated(upstreams),
    ...repeated(models),
    ...upstreams.flatMap((one) => problemsOfUpstream(one, before, vault)),
    ...models.flatMap((one) => problemsOfModel(one, upstreams, before)),
  ]
  if (problems.length > 0) throw manifestError(problems)
  const changes: Change[] = []
  for (const one of upstreams) changes.push(await applyUpstream(q, one, before, vault))
  for (const one of models) changes.push(await applyModel(q, one, before))
  return changes
}

function declared<Entry>(
  manifest: CatalogManifest,
  section: 'upstreams' | 'models',
  entries: Readonly<Record<string, Entry>> | undefined,
): Declared<Entry>[] {
  return Object.entries(entries ?? {}).map(([id, entry]) => ({
    id,
    entry,
    at: (...field) => {
      const path = [section, id, ...field]
      return `${manifest.where(path)}: \`${path.join('.')}\``
    },
  }))
}

function repeated(all: readonly Declared<unknown>[]): string[] {
  const seen = new Set<string>()
  return all.flatMap(({ id, at }) => {
    const again = seen.has(id)
    seen.add(id)
    return again ? [`${at()}: declared twice`] : []
  })
}

function problemsOfUpstream(one: Declared<UpstreamSection>, before: Snapshot, vault: CredentialVault): string[] {
  const { id, entry, at } = one
  const known = before.upstreams.get(id)
  const problems: string[] = []
  if (known !== undefined && known.kind !== entry.kind)
    problems.push(`${at('kind')}: \`${id}\` is of kind ${known.kind}`)
  if (entry.credential !== undefined && 'env' in entry.credential) {
    const { env } = entry.credential
    if (vault.variable(env) === undefined)
      problems.push(`${at('credential', 'env')}: the variable \`${env}\` is not set`)
  }
  // Whoever may only point an upstream elsewhere must not get its secret that way.
  if (known !== undefined && before.sealed.has(id) && entry.credential === undefined && !isSameOrigin(known, entry)) {
    problems.push(`${at('url')}: another server needs its \`credential\` to be given anew`)
  }
  if (entry.kind !== 'mcp') {
    for (const field of ['trusted', 'acceptFirst', 'tools'] as const) {
      if (entry[field] !== undefined) problems.push(`${at(field)}: only tool servers (kind mcp) have this`)
    }
  }
  return problems
}

function isSameOrigin(known: Upstream, entry: UpstreamSection): boolean {
  return new URL(known.url).origin === new URL(entry.url).origin
}

function problemsOfModel(
  one: Declared<ModelSection>,
  upstreams: readonly Declared<UpstreamSection>[],
  before: Snapshot,
): string[] {
  const name = one.entry.upstream
  const kind = upstreams.find(({ id }) => id === name)?.entry.kind ?? before.upstreams.get(name)?.kind
  if (kind === undefined) return [`${one.at('upstream')}: no upstream \`${name}\``]
  return kind === 'mcp' ? [`${one.at('upstream')}: \`${name}\` is a tool server and serves no models`] : []
}

async function applyUpstream(
  q: Q,
  { id, entry }: Declared<UpstreamSection>,
  before: Snapshot,
  vault: CredentialVault,
): Promise<Change> {
  const known = before.upstreams.get(id)
  const settings = settingsOf(entry, known)
  const sealedBefore = before.sealed.get(id)
  const credentialBefore =
    known === undefined || sealedBefore === undefined ? undefined : vault.open(id, known.url, sealedBefore)
  const credential = credentialOf(entry, vault) ?? credentialBefore
  const fields = [
    ...(known?.url === entry.url ? [] : ['url']),
    ...(credential === credentialBefore ? [] : ['credential']),
    ...(['timeouts', 'trusted', 'acceptFirst', 'tools'] as const).filter(
      (field) => known !== undefined && JSON.stringify(known[field]) !== JSON.stringify(settings[field]),
    ),
  ]
  if (known === undefined || fields.length > 0) {
    const row = {
      kind: entry.kind,
      url: entry.url,
      settings: JSON.stringify(settings),
      sealed_credential: credential === undefined ? null : vault.seal(id, entry.url, credential),
    }
    await q
      .insertInto('upstreams')
      .values({ id, ...row })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
  return changeOf('Upstream', id, known, fields)
}

function settingsOf(entry: UpstreamSection, known: Upstream | undefined): UpstreamSettings {
  const timeouts = known?.timeouts ?? TIMEOUTS
  const tools =
    entry.tools === undefined
      ? known?.tools
      : Object.fromEntries(Object.entries(entry.tools).map(([name, { guarded }]) => [name, { guarded: guarded ?? [] }]))
  return {
    timeouts: {
      connect: entry.timeouts?.connect ?? timeouts.connect,
      firstByte: entry.timeouts?.firstByte ?? timeouts.firstByte,
      idle: entry.timeouts?.idle ?? timeouts.idle,
    },
    trusted: entry.trusted ?? known?.trusted ?? false,
    acceptFirst: entry.acceptFirst ?? known?.acceptFirst ?? false,
    tools: Object.fromEntries(
      Object.entries(tools ?? {}).map(([name, { guarded }]) => [name, { guarded: [...guarded] }]),
    ),
  }
}

function credentialOf(entry: UpstreamSection, vault: CredentialVault): string | undefined {
  if (entry.credential === undefined) return undefined
  return 'env' in entry.credential ? vault.variable(entry.credential.env) : entry.credential.value
}

async function applyModel(q: Q, { id, entry }: Declared<ModelSection>, before: Snapshot): Promise<Change> {
  const known = before.models.get(id)
  const upstreamModel = entry.upstreamModel ?? known?.upstreamModel ?? id
  const price = entry.price ?? known?.price
  const fields = [
    ...(known?.upstream.id === entry.upstream ? [] : ['upstream']),
    ...(known?.upstreamModel === upstreamModel ? [] : ['upstreamModel']),
    ...(JSON.stringify(known?.price) === JSON.stringify(price) ? [] : ['price']),
  ]
  if (fields.length > 0) {
    const row = { upstream_id: entry.upstream, upstream_model: upstreamModel, attributes: JSON.stringify({ price }) }
    await q
      .insertInto('models')
      .values({ id, ...row })
      .onConflict((c) => c.column('id').doUpdateSet(row))
      .execute()
  }
  return changeOf('Model', id, known, fields)
}

function changeOf(kind: Change['kind'], id: string, known: object | undefined, fields: readonly string[]): Change {
  if (known === undefined) return { kind, id, effect: 'created', fields }
  return { kind, id, effect: fields.length === 0 ? 'unchanged' : 'updated', fields }
}
