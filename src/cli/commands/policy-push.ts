import { Command } from 'commander'
import type { PolicyFile, TestFile } from '../../access/index.ts'
import type { TenantId } from '../../kernel/index.ts'
import { CliError } from '../errors.ts'
import { table } from '../output.ts'
import { type LayerOptions, layerNamed, layerOptions } from '../policy/layer-option.ts'
import { revisionSchema, type ShownRevision, short } from '../policy/stored-revision.ts'
import { tenantOption } from '../policy/tenant-option.ts'
import { sessionOf } from '../session.ts'
import { evidenceText } from './policy-revisions.ts'

interface PushOptions extends LayerOptions {
  readonly tenant: TenantId
  readonly message: string
  readonly parent?: string
}

/** Sends the policies of a folder to the server, as revisions that nothing is decided by yet. */
export function policyPushCommand(): Command {
  const push = new Command('push')
    .description(
      'keep the policies of a folder on the server as revisions, one for each layer, and find out what is wrong with them; nothing comes in force; exit code 1 where something is',
    )
    .argument('[folder]', 'with manifests (`*.yaml`) that name the policies, and test cases', '.')
    .requiredOption('-m, --message <text>', 'what is changed, and why')
    .addOption(tenantOption())
    .option('--parent <revision>', 'the whole address of what it was made from; refused where something else is active')
  for (const option of layerOptions()) push.addOption(option)
  return push.action(async (folder: string, options: PushOptions, command: Command) => {
    const { layerKey, settingFile } = await import('../../access/index.ts')
    const { readPolicyFolder } = await import('../../server/index.ts')
    const { client, output } = sessionOf(command)
    const { world, tests } = await readPolicyFolder(folder, options.tenant)
    const own = tests.map(({ name, text }): TestFile => ({ name, text, as: 'tests' }))
    const suite = own.length === 0 ? [] : [...own, settingFile(world)]
    const byLayer = Map.groupBy(world.policies, ({ layer }) => (layer === undefined ? 'tenant' : layerKey(layer)))
    const named = layerNamed(options)
    const layers =
      named === undefined ? [...new Set([...byLayer.keys(), ...tenantOf(suite)])].sort(tenantFirst) : [named]
    if (layers.length === 0) throw new CliError('usage', `there are no policies in \`${folder}\``)
    if (options.parent !== undefined && layers.length > 1) {
      throw new CliError('usage', 'with --parent one layer at a time: name it')
    }
    const api = client()
    const pushed: ShownRevision[] = []
    for (const layer of layers) {
      // The tests of a folder are about all of it: they go with the tenant's layer, or with the one that is named.
      const files = [...(byLayer.get(layer) ?? []), ...(layer === (named ?? 'tenant') ? suite : [])]
      const body = { layer, message: options.message, files: files.map(bodyOf), ...parentOf(options) }
      pushed.push(revisionSchema.parse(await api.call('POST', '/api/policy/revisions', body)))
    }
    output.data(pushed, () => pushText(pushed))
    // Of several layers, each by itself may well not fit what is active of the others.
    if (pushed.length === 1 && pushed.some((one) => failureOf(one) !== undefined)) process.exitCode = 1
  })
}

function tenantOf(suite: readonly TestFile[]): readonly string[] {
  return suite.length === 0 ? [] : ['tenant']
}

function tenantFirst(a: string, b: string): number {
  if (a === 'tenant' || b === 'tenant') return a === 'tenant' ? -1 : 1
  return a < b ? -1 : 1
}

function bodyOf({ name, text, as, ...rest }: PolicyFile | TestFile) {
  const pack = 'pack' in rest ? rest.pack : undefined
  return { name, text, ...(as === undefined ? {} : { as }), ...(pack === undefined ? {} : { pack }) }
}

function parentOf({ parent }: PushOptions): { readonly parent?: string | null } {
  if (parent === undefined) return {}
  return { parent: parent === 'none' ? null : parent }
}

/** What was found wrong with it last. */
function failureOf({ state, evidence }: ShownRevision): ShownRevision['evidence'][number] | undefined {
  const last = evidence.findLast(({ kind }) => kind === 'check' || kind === 'test')
  return state === 'active' || last?.result === 'passed' ? undefined : last
}

function pushText(pushed: readonly ShownRevision[]): string {
  const rows = pushed.map(({ layer, revision, state }) => [layer, short(revision), state])
  const problems = pushed.flatMap((one) => {
    const failure = failureOf(one)
    return failure === undefined ? [] : [`${short(one.revision)}: ${evidenceText(failure)}`]
  })
  return [table(rows), ...problems].join('\n')
}
