import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { PrincipalRef } from '../../kernel/index.ts'
import type { Queries, TenantTables } from '../../store/index.ts'
import type { Foundation } from '../foundation.ts'
import type { Layer, PolicyFile } from '../layers.ts'
import { storedPolicyFile } from '../manifest.ts'
import { isTestFile, type TestFile } from './address.ts'
import { parseLayerKey } from './layer-key.ts'
import type { Activation, Evidence, Revision, RevisionFiles } from './revision.ts'

type FileRow = TenantTables['policy_files']

/** A file as it is kept, and its text. */
export interface KeptFile {
  readonly row: Omit<FileRow, 'revision'>
  readonly content: string
}

export function keptFiles(files: readonly (PolicyFile | TestFile)[]): readonly KeptFile[] {
  return files.map((file) => {
    if (isTestFile(file)) return keptFile(file.as, file.name, file.text, {})
    const { name, text, layer, ...fields } = file
    return keptFile('policy', name, text, { ...fields, ...(layer === undefined ? {} : { layer }) })
  })
}

/** What ships with the product, as files of a revision of its own. */
export function foundationAsKept({ schema, policies, roles = [] }: Foundation): readonly KeptFile[] {
  const kept = (kind: FileRow['kind'], { name, text, layer: _, ...fields }: PolicyFile): KeptFile =>
    keptFile(kind, name, text, fields)
  return [
    keptFile('base-schema', 'foundation/schema.cedarschema', schema, {}),
    ...policies.map((file) => kept('base-policy', file)),
    ...roles.map((file) => kept('base-role', file)),
  ]
}

function keptFile(kind: FileRow['kind'], name: string, content: string, fields: object): KeptFile {
  const text = createHash('sha256').update(content).digest('hex')
  return { row: { kind, name, fields: JSON.stringify(fields), text }, content }
}

/** Puts a revision with its files into the store. */
export async function insertRevision(
  q: Queries<TenantTables>,
  row: TenantTables['policy_revisions'],
  files: readonly KeptFile[],
): Promise<void> {
  await q.insertInto('policy_revisions').values(row).execute()
  for (const { row: file, content } of files) {
    const text = { digest: file.text, text: content }
    await q
      .insertInto('policy_texts')
      .values(text)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    await q
      .insertInto('policy_files')
      .values({ revision: row.address, ...file })
      .execute()
  }
}

/** The files of a revision, by name. */
export async function filesOf(q: Queries<TenantTables>, address: string): Promise<RevisionFiles> {
  const rows = await readFiles(q, address)
  const policies: PolicyFile[] = []
  const tests: TestFile[] = []
  for (const { kind, name, fields, content } of rows) {
    if (kind === 'tests' || kind === 'setting') tests.push({ name, text: content, as: kind })
    else policies.push(policyOf(name, fields, content))
  }
  return { policies, tests }
}

/** What shipped with the product, from the revision that was made of it. */
export async function foundationOf(q: Queries<TenantTables>, address: string): Promise<Foundation> {
  const rows = await readFiles(q, address)
  const of = (kind: FileRow['kind']): readonly PolicyFile[] =>
    rows.filter((row) => row.kind === kind).map(({ name, fields, content }) => policyOf(name, fields, content))
  const schema = rows.find(({ kind }) => kind === 'base-schema')?.content ?? ''
  return { schema, policies: of('base-policy'), roles: of('base-role') }
}

function policyOf(name: string, fields: string, text: string): PolicyFile {
  return storedPolicyFile.parse({ ...JSON.parse(fields), name, text })
}

async function readFiles(q: Queries<TenantTables>, address: string) {
  return q
    .selectFrom('policy_files')
    .innerJoin('policy_texts', 'policy_texts.digest', 'policy_files.text')
    .select(['policy_files.kind', 'policy_files.name', 'policy_files.fields', 'policy_texts.text as content'])
    .where('policy_files.revision', '=', address)
    .orderBy('policy_files.name')
    .execute()
}

const principal = z.object({ kind: z.enum(['User', 'Service', 'Agent', 'Device']), id: z.string() })
const chain = z.array(principal)

/** `state` and `evidence` are for who knows what is active. */
export function revisionOf(row: TenantTables['policy_revisions']): Omit<Revision, 'state' | 'evidence'> {
  return {
    address: row.address,
    layer: layerOf(row.layer),
    message: row.message,
    author: chainOf(row.author),
    authors: z.array(z.string()).parse(JSON.parse(row.authors)),
    parent: row.parent ?? undefined,
    bytes: row.bytes,
    pushedAt: row.pushed_at,
    activatedAt: row.activated_at ?? undefined,
  }
}

export function evidenceOf(row: TenantTables['policy_evidence']): Evidence {
  const { kind, result, at, by, whole, digest, detail } = row
  return {
    kind,
    result,
    at,
    by,
    whole,
    counts: z.record(z.string(), z.number()).parse(JSON.parse(row.counts)),
    ...(digest === null ? {} : { digest }),
    ...(detail === null ? {} : { detail }),
  }
}

export function activationOf(row: TenantTables['policy_activations']): Activation {
  const { id, kind, revision, whole, message, at } = row
  return {
    id,
    kind,
    layer: layerOf(row.layer),
    revision,
    before: row.before ?? undefined,
    whole,
    by: chainOf(row.by),
    message,
    at,
  }
}

function layerOf(key: string): Layer {
  const layer = parseLayerKey(key)
  if (layer === undefined) throw new TypeError(`\`${key}\` is no layer`)
  return layer
}

function chainOf(text: string): readonly PrincipalRef[] {
  return chain.parse(JSON.parse(text)) as unknown as readonly PrincipalRef[] // ids were valid when they were written
}
