import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type PolicyMould, readMoulds } from '../../cedar/index.ts'
import { parseSections } from '../../identity/index.ts'
import { errorText } from '../../kernel/index.ts'
import { AccessError } from '../errors.ts'
import { type Parameter, parameterSchema } from './parameter.ts'

/** Policies with parameters, of one version. */
export interface Pack {
  readonly name: string
  /** As in `1.2.0`. */
  readonly version: string
  readonly title: string
  readonly description: string
  /** Where its policies may stand. */
  readonly layers: readonly PackLayer[]
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly files: readonly PackFile[]
  /** SHA-256 (hex) of all that decides: `pack.yaml` and the statements. */
  readonly digest: string
  /** `own` where it stands in the tenant's folder. */
  readonly from: PackOriginKind
}

export type PackOriginKind = 'built-in' | 'own'

export interface PackFile {
  readonly as: 'grants' | 'ceiling' | 'limits'
  readonly moulds: readonly PolicyMould[]
}

const LAYERS = ['tenant', 'project', 'agentType', 'agent'] as const
export type PackLayer = (typeof LAYERS)[number]

/** The texts of a pack: `pack.yaml`, and up to one file of statements of each kind, by their paths. */
export interface PackSource {
  /** The folder, by which errors name its files. */
  readonly folder: string
  readonly files: readonly { readonly name: string; readonly text: string }[]
  readonly from: PackOriginKind
}

export const PACK_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
export const PACK_VERSION = /^(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})$/
const PARAMETER = /^[a-z][a-zA-Z0-9]{0,63}$/
const STATEMENT = /^[a-z0-9]+(?:-[a-z0-9]+)*$/

/** Files of a pack that count; everything else beside them is for people and tests. */
export const PACK_FILES = ['pack.yaml', 'grants.cedar', 'ceiling.cedar', 'limits.cedar'] as const
const MOST_BYTES = 256 * 1024
const MOST_STATEMENTS = 100

export const packSections = {
  name: z.string().max(64).regex(PACK_NAME, 'must be small letters, digits and hyphens, as in `data-analyst`'),
  version: z.string().regex(PACK_VERSION, 'must be a version, as in `1.2.0`'),
  title: z.string().min(1).max(200),
  description: z.string().min(1).max(4000),
  layers: z.array(z.enum(LAYERS)).min(1),
  parameters: z
    .record(z.string().regex(PARAMETER, 'must be letters and digits, as in `maxAge`'), parameterSchema)
    .default({}),
}

/** Throws `pack_invalid` with every problem that was found, each with its place. */
export function readPack({ folder, files, from }: PackSource): Pack {
  const textOf = (name: string): string | undefined => files.find((file) => file.name === name)?.text
  const large = files.find(({ text }) => text.length > MOST_BYTES)
  if (large !== undefined) throw invalid([`${folder}/${large.name}: larger than ${MOST_BYTES} bytes`])
  const manifest = textOf('pack.yaml')
  if (manifest === undefined) throw invalid([`${folder}: there is no \`pack.yaml\``])
  const { sections, where } = parsed(manifest, `${folder}/pack.yaml`)
  const { name, version, title, description, layers, parameters = {} } = sections
  const missing = (['name', 'version', 'title', 'description', 'layers'] as const).filter(
    (key) => sections[key] === undefined,
  )
  if (missing.length > 0 || !name || !version || !title || !description || !layers) {
    throw invalid(missing.map((key) => `${folder}/pack.yaml: \`${key}\` is missing`))
  }
  const kinds = (['grants', 'ceiling', 'limits'] as const).flatMap((as): PackFile[] => {
    const text = textOf(`${as}.cedar`)
    return text === undefined ? [] : [{ as, moulds: mouldsOf(text, `${folder}/${as}.cedar`) }]
  })
  const problems = [...statementProblems(kinds, parameters), ...unusedProblems(kinds, parameters, where)]
  if (kinds.length === 0) problems.push(`${folder}: there are no statements (\`grants.cedar\`)`)
  if (problems.length > 0) throw invalid(problems)
  return {
    name,
    version,
    title,
    description,
    layers,
    parameters: new Map(Object.entries(parameters)),
    files: kinds,
    digest: digestOf(files),
    from,
  }
}

function parsed(text: string, file: string) {
  try {
    return parseSections(text, file, packSections)
  } catch (error) {
    throw new AccessError('pack_invalid', `the pack cannot be used: ${errorText(error)}`, { cause: error })
  }
}

function mouldsOf(text: string, name: string): readonly PolicyMould[] {
  try {
    return readMoulds({ name, text }, MOST_STATEMENTS)
  } catch (error) {
    throw new AccessError('pack_invalid', `the pack cannot be used: ${errorText(error)}`, { cause: error })
  }
}

function statementProblems(files: readonly PackFile[], parameters: Readonly<Record<string, Parameter>>): string[] {
  const problems: string[] = []
  const ids = new Set<string>()
  const all = files.flatMap(({ moulds }) => moulds)
  if (all.length > MOST_STATEMENTS) problems.push(`a pack has at most ${MOST_STATEMENTS} statements`)
  for (const { id, position, places } of all) {
    const at = `${position.source}:${position.line}`
    if (!STATEMENT.test(id)) problems.push(`${at}: \`${id}\`: an id in a pack is small letters, digits and hyphens`)
    if (ids.has(id)) problems.push(`${at}: \`${id}\`: two statements of a pack have this id`)
    ids.add(id)
    for (const place of places) {
      if (Object.hasOwn(parameters, place.name)) continue
      const { source, line, column } = place.position
      problems.push(`${source}:${line}:${column}: there is no parameter \`${place.name}\` in \`pack.yaml\``)
    }
  }
  return problems
}

function unusedProblems(
  files: readonly PackFile[],
  parameters: Readonly<Record<string, Parameter>>,
  where: (path: readonly PropertyKey[]) => string,
): string[] {
  const used = new Set(files.flatMap(({ moulds }) => moulds).flatMap(({ places }) => places.map(({ name }) => name)))
  return Object.keys(parameters)
    .filter((name) => !used.has(name))
    .map((name) => `${where(['parameters', name])}: no statement uses the parameter \`${name}\``)
}

function digestOf(files: PackSource['files']): string {
  const hash = createHash('sha256')
  for (const name of PACK_FILES) {
    const text = files.find((file) => file.name === name)?.text
    if (text !== undefined) hash.update(`${name}\0${Buffer.byteLength(text)}\0`).update(text)
  }
  return hash.digest('hex')
}

function invalid(problems: readonly string[]): AccessError {
  const more = problems.length > 10 ? `; and ${problems.length - 10} more` : ''
  return new AccessError('pack_invalid', `the pack cannot be used: ${problems.slice(0, 10).join('; ')}${more}`)
}
