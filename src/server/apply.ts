import {
  type Access,
  AccessError,
  type Asked,
  activationSections,
  type DeclaredActivation,
  type DeclaredEntry,
  type DeclaredPolicy,
  declaredEntries,
  expandPacksUnhurried,
  type Lists,
  listSections,
  type PlacedPacks,
  type PolicyFile,
  packInstanceSections,
  packShelf,
  policyFileOf,
  policySections,
  type Revisions,
  requireEvidence,
  resourceSections,
  schemaFileOf,
  schemaSections,
  targetText,
  type WantedEntry,
} from '../access/index.ts'
import {
  type DeclaredRetention,
  declareRetention,
  type Exports,
  exportSections,
  logSections,
  type Publication,
  retentionSections,
} from '../audit/index.ts'
import { type Catalog, catalogSections } from '../gateway/index.ts'
import type { Applied, NamedText, Permit } from '../http/index.ts'
import { type Directory, identitySections, manifestError, parseSections } from '../identity/index.ts'
import type { Context, PrincipalRef, TenantId } from '../kernel/index.ts'
import type { TenantStore } from '../store/index.ts'
import { readFoundation } from './foundation.ts'
import { builtInPacks, packsAmong } from './packs.ts'
import { applyResources, checkResources } from './resources.ts'
import { checkRoles } from './roles.ts'

/** Every section that a manifest may have. */
export const sections = {
  ...identitySections,
  ...catalogSections,
  ...policySections,
  ...activationSections,
  ...packInstanceSections,
  ...schemaSections,
  ...resourceSections,
  ...listSections,
  ...retentionSections,
  ...logSections,
  ...exportSections,
}

export interface ApplyDeps {
  readonly tenant: TenantId
  readonly store: TenantStore
  readonly directory: Directory
  readonly catalog: Catalog
  readonly exports: Pick<Exports, 'apply'>
  readonly publication: Publication
  readonly access: Access
  readonly lists: Lists
  readonly revisions: Pick<Revisions, 'active' | 'replaceAll' | 'checkReplaceAll' | 'required'>
  /** Who applies, the subject first. */
  readonly by: readonly PrincipalRef[]
  /** Sallyport itself, which nothing is ever permitted to. */
  readonly self: Context
  /** Asked before the first change; throws where that is denied. */
  readonly permit?: Permit | undefined
  /** Asked about policies before the first change. */
  readonly check?: Asked['check'] | undefined
}

/**
 * Brings a tenant to what manifests declare together. Everything is read and checked before the first change; applying
 * again changes nothing. Throws `manifest_invalid`, `policies_invalid`, and what `check` rejects with.
 */
export async function applyManifests(
  manifests: readonly NamedText[],
  files: readonly NamedText[],
  deps: ApplyDeps,
): Promise<Applied> {
  const parsed = manifests.map(({ name, text }) => parseSections(text, name, sections))
  const named = parsed.flatMap(({ sections: { policies } }) => policies ?? [])
  const byFile = new Map(named.map((declared) => [declared.file, declared]))
  const schema = parsed.map(({ sections: { schema } }) => schema).findLast((name) => name !== undefined)
  const schemaFile = schema === undefined ? undefined : schemaFileOf(schema, textNamed(schema, 'schema', files))
  // What comes in force from here on is not overwritten by what was put together before it.
  const from = deps.revisions.active().whole
  const policies = policiesFor(
    {
      schema: schemaFile,
      own: [...byFile.values()].map((declared) => fileNamed(declared, files)),
      packs: await packPolicies(parsed, files, schemaFile, deps),
    },
    deps,
  )
  const policyChanges = policies === undefined ? [] : policyEffects(policies, deps.revisions.active().files)
  const hasNewPolicies = policyChanges.some(({ effect }) => effect !== 'unchanged')
  const declared = parsed.map((one) => one.sections)
  await checkRoles(declared, hasNewPolicies ? policies : undefined, deps)
  checkResources(declared, deps.tenant, deps.access, hasNewPolicies ? policies : undefined)
  const listed = declaredLists(declared.map(({ lists }) => lists))
  if (listed !== undefined) await checkLists(listed, deps)

  if (policies !== undefined && hasNewPolicies) await deps.revisions.checkReplaceAll(policies, asking(deps))
  const activation = declared.map((one) => one.activation).findLast((one) => one !== undefined)
  const required = await deps.revisions.required()
  const requires = activation !== undefined && activation.require.join() !== required.join()
  // What keeps policies from coming in force is not loosened by those who may only apply manifests.
  if (requires) await deps.permit?.('policy:activate', { require: activation.require, before: required })

  // Whoever says what people may do does not by that alone let the records of it leave.
  const targets = declared.flatMap(({ exports }) => Object.keys(exports ?? {}))
  if (targets.length > 0) await deps.permit?.('log:export', { exports: targets })
  const published = declared.findLast(({ log }) => log !== undefined)?.log?.public
  if (published !== undefined && published !== deps.publication.isPublic) {
    await deps.permit?.('log:export', { public: published })
  }

  const people = await deps.directory.apply(...parsed)
  const things = await deps.catalog.apply(...parsed)
  if (policies !== undefined && hasNewPolicies)
    await deps.revisions.replaceAll(policies, { by: deps.by, message: messageOf(manifests), from })
  const resources = await applyResources(declared, deps.tenant, deps)
  if (requires) await requireEvidence(deps.store, activation.require)
  const retention = await declareRetention(deps.store, declaredRetention(parsed.map((one) => one.sections.retention)))
  const lists = listed === undefined ? [] : await applyLists(listed, deps.lists)
  return [
    ...people,
    ...things,
    ...resources,
    ...policyChanges,
    ...activationEffects(activation, required),
    ...lists,
    ...retention,
    ...(published === undefined ? [] : [await deps.publication.choose(published)]),
    ...(await deps.exports.apply(...parsed)),
  ]
}

function asking({ by, check }: ApplyDeps): Pick<Asked, 'by' | 'check'> {
  return check === undefined ? { by } : { by, check }
}

/** All that the manifests say together; undefined where none of them speaks of lists. */
function declaredLists(
  sections: readonly (readonly DeclaredEntry[] | undefined)[],
): readonly WantedEntry[] | undefined {
  const given = sections.filter((section) => section !== undefined)
  return given.length === 0 ? undefined : declaredEntries(given.flat())
}

/** Throws `list_invalid`, and `locked_out` where nobody could change the lists any more who can now. */
async function checkLists(wanted: readonly WantedEntry[], { lists, access, self }: ApplyDeps): Promise<void> {
  lists.check(wanted)
  if (!(await access.locksOut(self, wanted))) return
  throw new AccessError('locked_out', '`lists`: nobody who can change the lists now could take this back again')
}

async function applyLists(wanted: readonly WantedEntry[], lists: Lists): Promise<Applied> {
  const changes = await lists.replace('manifest', 'manifest', wanted)
  return changes.map(({ entry, effect }) => ({
    kind: 'ListEntry',
    id: `${entry.list} ${targetText(entry.target)}`,
    effect,
    fields: lists.book.get(entry.id) === undefined ? ['removed'] : effect === 'updated' ? ['entry'] : [],
  }))
}

function declaredRetention(sections: readonly (DeclaredRetention | undefined)[]): DeclaredRetention {
  return Object.assign({}, ...sections.filter((one) => one !== undefined))
}

/**
 * Schema, policies and packs in use are each replaced as a whole; where the manifests speak of some of them only, the
 * others stay. Without packs in use is not the same as without a word of them. Undefined where they speak of none.
 */
function policiesFor(
  given: {
    readonly schema: PolicyFile | undefined
    readonly own: readonly PolicyFile[]
    readonly packs: readonly PolicyFile[] | undefined
  },
  { revisions }: ApplyDeps,
): readonly PolicyFile[] | undefined {
  const { schema, own, packs } = given
  if (own.length === 0 && schema === undefined && packs === undefined) return undefined
  const kept = revisions.active().files.filter(({ as, pack }) => {
    if (as === 'schema') return schema === undefined
    return pack === undefined ? own.length === 0 : packs === undefined
  })
  return [...(schema === undefined ? [] : [schema]), ...kept, ...own, ...(packs ?? [])]
}

/** Undefined where the manifests say nothing of packs. */
async function packPolicies(
  parsed: readonly {
    readonly sections: { readonly packs?: PlacedPacks['packs'] | undefined }
    readonly where: PlacedPacks['where']
  }[],
  files: readonly NamedText[],
  schema: PolicyFile | undefined,
  { revisions }: ApplyDeps,
): Promise<readonly PolicyFile[] | undefined> {
  const placed = parsed.flatMap(({ sections: { packs }, where }) => (packs === undefined ? [] : [{ packs, where }]))
  if (placed.length === 0) return undefined
  const inForce = revisions.active().files
  const own = schema === undefined ? inForce : [schema]
  return expandPacksUnhurried(placed, packShelf([...builtInPacks(), ...(await packsAmong(files))]), {
    schema: readFoundation().schema,
    own,
    inForce,
  })
}

function fileNamed(declared: DeclaredPolicy, files: readonly NamedText[]): PolicyFile {
  return policyFileOf(declared, textNamed(declared.file, 'policies', files))
}

function textNamed(name: string, section: string, files: readonly NamedText[]): string {
  const found = files.find((file) => file.name === name)
  if (found === undefined) throw manifestError([`\`${section}\`: the text of \`${name}\` was not sent along`])
  return found.text
}

function policyEffects(policies: readonly PolicyFile[], active: readonly PolicyFile[]): Applied {
  const before = new Map(active.map((file) => [file.name, file]))
  const removed = [...before.keys()].filter((name) => !policies.some((policy) => policy.name === name))
  return [
    ...policies.map((file) => {
      const known = before.get(file.name)
      const fields = known === undefined ? ['text'] : changedFields(known, file)
      const effect =
        known === undefined ? ('created' as const) : fields.length === 0 ? ('unchanged' as const) : ('updated' as const)
      return { kind: 'Policies', id: file.name, effect, fields }
    }),
    ...removed.map((name) => ({ kind: 'Policies', id: name, effect: 'updated' as const, fields: ['removed'] })),
  ]
}

function changedFields(before: PolicyFile, after: PolicyFile): readonly string[] {
  const place = ({ layer, as }: PolicyFile): string => JSON.stringify([layer, as])
  const pack = (file: PolicyFile): string => JSON.stringify(file.pack ?? null)
  return [
    ...(before.text === after.text ? [] : ['text']),
    ...(place(before) === place(after) ? [] : ['layer']),
    ...(pack(before) === pack(after) ? [] : ['pack']),
  ]
}

function activationEffects(declared: DeclaredActivation | undefined, before: readonly string[]): Applied {
  if (declared === undefined) return []
  const isSame = declared.require.join() === before.join()
  return [
    { kind: 'Settings', id: 'activation', effect: isSame ? 'unchanged' : 'updated', fields: isSame ? [] : ['require'] },
  ]
}

function messageOf(manifests: readonly NamedText[]): string {
  return `applied from ${manifests.map(({ name }) => name).join(', ')}`.slice(0, 200)
}
