import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import {
  expandPacks,
  openAccess,
  type PolicyFile,
  packShelf,
  policyFileOf,
  resourceEntities,
  schemaFileOf,
  type TrialWorld,
} from '../access/index.ts'
import { openCatalog } from '../gateway/index.ts'
import { manifestError, openDirectory, parseSections } from '../identity/index.ts'
import { errorText, systemClock, type TenantId } from '../kernel/index.ts'
import { memoryTenantStore } from '../store/index.ts'
import { sections } from './apply.ts'
import { ServerError } from './errors.ts'
import { readFoundation } from './foundation.ts'
import { builtInPacks, packsIn } from './packs.ts'
import { rolesIn } from './roles.ts'

/** A folder with the manifests of a tenant, read without a server. */
export interface PolicyFolder {
  readonly world: TrialWorld
  readonly manifests: readonly { readonly name: string; readonly text: string }[]
  /** Files of test cases: all `*.test.yaml` in the folder and below it. */
  readonly tests: readonly { readonly name: string; readonly text: string }[]
}

/**
 * Reads the manifests in a folder (`*.yaml`, not those below it) and the policies that they name. What a manifest says
 * that only a running server could do (credentials of upstreams, exports) is checked and otherwise left alone. Names of
 * files are relative to the folder; `changed` are texts that stand in for those of manifests. Throws `manifest_invalid` with file and line of every problem.
 */
export async function readPolicyFolder(
  folder: string,
  tenant: TenantId,
  changed: ReadonlyMap<string, string> = new Map(),
): Promise<PolicyFolder> {
  const named = (name: string) => ({ name, text: changed.get(name) ?? readText(folder, name) })
  const manifests = globSync('*.{yaml,yml}', { cwd: folder })
    .filter((name) => !isTest(name) && name !== 'pack.yaml')
    .sort()
    .map(named)
  if (manifests.length === 0)
    throw new ServerError('folder_invalid', `there is no manifest (\`*.yaml\`) in \`${folder}\``)
  const parsed = manifests.map(({ name, text }) => parseSections(text, name, sections))
  const declared = parsed.map((one) => one.sections)
  const store = memoryTenantStore()
  try {
    const foundation = readFoundation()
    const own = [...schemaOf(declared, folder), ...policiesOf(declared, folder)]
    const placed = parsed.map(({ sections: { packs = [] }, where }) => ({ packs, where }))
    const shelf = packShelf([...builtInPacks(), ...packsIn(folder)])
    const policies = [...own, ...expandPacks(placed, shelf, { schema: foundation.schema, own, inForce: [] })]
    const { builtInRoles } = openAccess(foundation, tenant)
    const directory = await openDirectory(store, systemClock, { builtInRoles: builtInRoles() })
    await directory.apply(...parsed)
    // No upstream is ever called from here, so that no credential is needed.
    const vault = { seal: (bytes: Uint8Array) => bytes, open: (bytes: Uint8Array) => bytes }
    const catalog = await openCatalog({ store, keyRing: vault, environment: {} })
    await catalog.apply(...parsed.map((one) => ({ ...one, sections: withoutCredentials(one.sections) })))
    const root = { type: 'Tenant', id: tenant }
    const things = catalog.entities().map((one) => (one.parents.length === 0 ? { ...one, parents: [root] } : one))
    return {
      world: {
        tenant,
        foundation,
        policies,
        roles: rolesIn(directory),
        entities: [
          { uid: root },
          ...declared.flatMap((one) => resourceEntities(one, tenant)),
          ...directory.entities(),
          ...things,
        ],
        hours: declared.map(({ hours }) => hours).findLast((hours) => hours !== undefined),
      },
      manifests,
      tests: globSync('**/*.{yaml,yml}', { cwd: folder }).filter(isTest).filter(isOfTenant).sort().map(named),
    }
  } finally {
    await store.close()
  }
}

function isTest(name: string): boolean {
  return /\.test\.ya?ml$/.test(name)
}

/** A pack in the folder has cases of its own, for the parameters that its example has. */
function isOfTenant(name: string): boolean {
  return !name.startsWith('packs/')
}

function schemaOf(
  declared: readonly { readonly schema?: string | undefined }[],
  folder: string,
): readonly PolicyFile[] {
  const file = declared.map(({ schema }) => schema).findLast((name) => name !== undefined)
  return file === undefined ? [] : [schemaFileOf(file, readText(folder, file))]
}

function policiesOf(
  declared: readonly { readonly policies?: readonly Parameters<typeof policyFileOf>[0][] | undefined }[],
  folder: string,
): readonly PolicyFile[] {
  const byFile = new Map(declared.flatMap(({ policies = [] }) => policies).map((one) => [one.file, one]))
  return [...byFile.values()].map((one) => policyFileOf(one, readText(folder, one.file)))
}

function readText(folder: string, name: string): string {
  const path = join(folder, name)
  if (relative(folder, path).startsWith('..')) throw manifestError([`\`${name}\` is not below \`${dirname(path)}\``])
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ServerError('folder_invalid', `cannot read \`${path}\``, { detail: errorText(error), cause: error })
  }
}

function withoutCredentials<Declared extends { readonly upstreams?: Readonly<Record<string, object>> | undefined }>(
  declared: Declared,
): Declared {
  if (declared.upstreams === undefined) return declared
  const upstreams = Object.entries(declared.upstreams).map(([id, upstream]) => [
    id,
    { ...upstream, credential: undefined },
  ])
  return { ...declared, upstreams: Object.fromEntries(upstreams) }
}
