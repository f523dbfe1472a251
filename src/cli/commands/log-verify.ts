import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Command } from 'commander'
import type { LogSource, VerifyReport } from '../../audit/index.ts'
import { parseTenantId } from '../../kernel/index.ts'
import type { Verifier } from '../../translog/index.ts'
import { type ApiClient, anonymousClient, refusal } from '../client.ts'
import { CliError } from '../errors.ts'
import { progressOn } from '../progress.ts'
import { sessionOf } from '../session.ts'
import { parseKeys, quorumOf, readKeys, readNamed, readWitnessKeys } from '../verifier-keys.ts'

interface VerifyOptions {
  readonly file?: string
  readonly url?: string
  readonly keys?: string
  readonly kept?: readonly string[]
  readonly witness?: readonly string[]
  readonly quorum?: string
}

/** Verifies a whole log: over HTTP, or from a file or a copy of one. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('check every record, tile and checkpoint of the log; exit code 1 when anything is wrong')
    .option('--file <file>', 'a log file, or a copy of one, instead of the server')
    .option('--url <url>', 'a log that everybody may read, as in https://sallyport.example/t/demo; no token is sent')
    .option(
      '--keys <file>',
      'the public keys of the log, one a line; default are those beside the file, or of the server',
    )
    .option('--kept <file...>', 'checkpoints that you kept from earlier: the log must still contain what they signed')
    .option('--witness <key...>', 'public keys of witnesses that you trust, or files with them')
    .option('--quorum <n>', 'how many of them must have cosigned; without it, whoever has is only named')
    .action(async (options: VerifyOptions, command: Command) => {
      const witnesses = readWitnessKeys(options.witness)
      const quorum = quorumOf(options.quorum, witnesses)
      const session = sessionOf(command)
      if (options.file !== undefined && options.url !== undefined) {
        throw new CliError('usage', 'name either a file or a URL')
      }
      const target =
        options.file === undefined
          ? await overHttp(options.url === undefined ? session.client() : anonymousClient(options.url), options)
          : await fromFile(options.file, options)
      const { verifyLog } = await import('../../audit/index.ts')
      const report = await verifyLog(target.source, {
        verifiers: target.verifiers,
        witnesses,
        ...(quorum === undefined ? {} : { quorum }),
        ...(target.witnessed === undefined ? {} : { witnessed: target.witnessed }),
        kept: (options.kept ?? []).map(readNamed),
        onProgress: progressOn(session.output),
      }).finally(() => target.source.close())
      session.output.data(report, () => describe(report))
      if (!report.ok) process.exitCode = 1
    })
}

interface Target {
  readonly source: LogSource
  readonly verifiers: readonly Verifier[]
  /** The newest checkpoint that witnesses cosigned; read before the log, which may grow meanwhile. */
  readonly witnessed: string | undefined
}

async function overHttp(client: Pick<ApiClient, 'fetch'>, options: VerifyOptions): Promise<Target> {
  const get = async (path: string): Promise<Uint8Array | undefined> => {
    const answer = await client.fetch(`/log/${path}`)
    if (answer.status === 404) return undefined
    if (!answer.ok) throw await refusal(answer)
    return new Uint8Array(await answer.arrayBuffer())
  }
  const keys = options.keys === undefined ? await get('keys') : readFileSync(options.keys)
  const witnessed = await get('witnessed')
  return {
    source: (await import('../../audit/index.ts')).remoteSource(get),
    verifiers: parseKeys(Buffer.from(keys ?? []).toString('utf8')),
    witnessed: witnessed && Buffer.from(witnessed).toString('utf8'),
  }
}

async function fromFile(file: string, options: VerifyOptions): Promise<Target> {
  if (!existsSync(file)) throw new CliError('usage', `there is no file \`${file}\``)
  const keys = options.keys ?? file.replace(/\.db$/, '.keys')
  if (!existsSync(keys)) throw new CliError('usage', `no public keys at \`${keys}\`; name them with --keys`)
  const beside = file.replace(/\.db$/, '.witnessed')
  const witnessed = existsSync(beside) ? readNamed(beside) : undefined
  const { fileSource } = await import('../../audit/index.ts')
  return { source: fileSource(file, await sealingBeside(file)), verifiers: readKeys(keys), witnessed }
}

/**
 * The key of the bodies, where the file lies in a data directory whose master key can be read. Without it everything
 * that is signed is verified all the same; only what is sealed stays unread.
 */
async function sealingBeside(file: string) {
  const tenant = parseTenantId(basename(file).replace(/\.log\.db$/, ''))
  const directory = dirname(dirname(file))
  const tables = join(dirname(file), `${tenant}.db`)
  if (tenant === undefined || !existsSync(tables) || !existsSync(join(directory, 'master.key'))) return undefined
  const { openMasterKey, readLogSealing } = await import('../../keys/index.ts')
  const { readTenantFile } = await import('../../store/index.ts')
  const store = readTenantFile(tables)
  try {
    const master = openMasterKey({ directory, environment: process.env.SALLYPORT_MASTER_KEY })
    return await readLogSealing(store, master, tenant)
  } finally {
    await store.close()
  }
}

function describe(report: VerifyReport): string {
  const { bodies, witnesses, witnessedSize, trusted, continued, problems } = report
  const lines = [
    report.ok
      ? `the log is whole: ${report.size} records`
      : `the log is NOT whole: ${problems.length} problems in ${report.size} records`,
    ...problems.map(({ message }) => `  ${message}`),
    `  origin ${report.origin ?? 'unknown'}`,
    ...continued.map(({ origin, first, after }) => {
      const gone = Math.max(0, (after?.size ?? first) - first)
      const what = gone === 0 ? 'none that were signed are known to be lost' : `${gone} that were signed are lost`
      return `  restored at record ${first}, on as ${origin}: ${what}`
    }),
    `  root   ${report.root ?? 'unknown'}`,
    bodies === undefined
      ? '  bodies not looked at: they are sealed, and the key is not at hand'
      : `  bodies ${bodies.readable} readable, ${bodies.erased} erased`,
    // C2SP tlog-cosignature: what one operator signs alone can be told to everyone differently.
    witnesses.length === 0
      ? '  unwitnessed: only its operator vouches that there is one history'
      : `  witnessed by ${witnesses.length} of ${trusted}, ${witnesses.join(', ')}: the first ${witnessedSize} records`,
  ]
  if (report.uncovered > 0) lines.push(`  ${report.uncovered} records are newer than the last checkpoint`)
  return lines.join('\n')
}
