import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Command } from 'commander'
import { parse } from 'yaml'
import { z } from 'zod'
import { errorText } from '../../kernel/index.ts'
import { CliError } from '../errors.ts'
import { sessionOf } from '../session.ts'

const answerSchema = z.object({
  changes: z.array(
    z.object({
      kind: z.string(),
      id: z.string(),
      effect: z.enum(['created', 'updated', 'unchanged']),
      fields: z.array(z.string()),
    }),
  ),
})

/** Sends manifests, and the policy files that they name, to the server. */
export function applyCommand(): Command {
  return new Command('apply')
    .description('bring the tenant to what manifests declare; applying again changes nothing')
    .requiredOption('-f, --file <file...>', 'YAML manifests')
    .option('--lock-out', 'even where nobody could change the policies afterwards')
    .action(async (options: { file: string[]; lockOut?: true }, command: Command) => {
      const { client, output } = sessionOf(command)
      const manifests = options.file.map((file) => ({ name: file, text: read(file) }))
      const policies = manifests.flatMap(({ name, text }) => policyFilesOf(name, text))
      const body = { manifests, policies, ...(options.lockOut === true ? { lockOut: true } : {}) }
      const answer = answerSchema.parse(await client().call('POST', '/api/apply', body))
      output.data(answer, () => {
        const changed = answer.changes.filter(({ effect }) => effect !== 'unchanged')
        const lines = changed.map(({ kind, id, effect, fields }) => {
          return `${effect} ${kind} \`${id}\`${effect === 'updated' ? `: ${fields.join(', ')}` : ''}`
        })
        return [...lines, `${changed.length} changed, ${answer.changes.length - changed.length} as they were`].join(
          '\n',
        )
      })
    })
}

const policySchema = z.union([z.string(), z.object({ file: z.string() }).transform(({ file }) => file)])

/** The `schema` and the `policies` of a manifest name files beside it; their text travels with the manifest. */
function policyFilesOf(manifest: string, text: string): { name: string; text: string }[] {
  let value: unknown
  try {
    value = parse(text)
  } catch {
    return [] // the server says what is wrong with the file, with its line
  }
  const named = z
    .object({
      policies: z.array(policySchema).nullish(),
      schema: z.string().nullish(),
      packs: z.array(z.unknown()).nullish(),
    })
    .safeParse(value)
  if (!named.success) return []
  const { policies, schema, packs } = named.data
  const ofPacks = packs == null ? [] : packFilesBeside(manifest)
  return [...(schema == null ? [] : [schema]), ...(policies ?? []), ...ofPacks].map((policy) => {
    const path = join(dirname(manifest), policy)
    if (relative(dirname(manifest), path).startsWith('..')) {
      throw new CliError('usage', `\`${manifest}\` names \`${policy}\`, which is not below it`)
    }
    return { name: policy, text: read(path) }
  })
}

/** The tenant's own packs travel along too: below `packs/`, each in a folder of its own. */
function packFilesBeside(manifest: string): readonly string[] {
  return globSync(['packs/*/{pack.yaml,*.cedar}', 'packs/*/*/{pack.yaml,*.cedar}'], { cwd: dirname(manifest) }).sort()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError('usage', `cannot read \`${file}\``, { detail: errorText(error), cause: error })
  }
}
