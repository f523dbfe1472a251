import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import type { ProvenRecord } from '../../audit/index.ts'
import { parseCheckpoint, parseReceipt, type Verifier } from '../../translog/index.ts'
import { refusal } from '../client.ts'
import { CliError } from '../errors.ts'
import { sessionOf } from '../session.ts'
import { quorumOf, readKeys, readNamed, readWitnessKeys } from '../verifier-keys.ts'

/** Receipts: getting one from the server, and checking one with nothing but public keys. */
export function receiptCommand(): Command {
  const receipt = new Command('receipt')
    .description('the proof that a record is in the log, as a file that can be checked without the server')
    .argument('<index>', 'the `Sallyport-Record` of an answer')
    .option('-o, --output <file>', 'where to write it; default is record-INDEX.tlog-proof')
    .action(async (index: string, options: { output?: string }, command: Command) => {
      const { client, output } = sessionOf(command)
      const answer = await client().fetch(`/api/records/${encodeURIComponent(index)}/receipt`)
      if (!answer.ok) throw await refusal(answer)
      const text = await answer.text()
      const file = options.output ?? `record-${parseReceipt(text).index}.tlog-proof`
      writeFileSync(file, text)
      output.data({ file }, () => `the receipt of record ${index} is in ${file}`)
    })
  receipt
    .command('verify')
    .description('check a receipt without the server; exit code 1 when it proves nothing')
    .argument('<file>', 'the receipt')
    .requiredOption('--keys <file>', 'the public keys of the log, one a line')
    .option('--witness <key...>', 'public keys of witnesses you trust, or files with them')
    .option('--quorum <n>', 'how many of them must have cosigned; without it, whoever has is only named')
    .action(async (file: string, options: { keys: string; witness?: string[]; quorum?: string }, command: Command) => {
      const witnesses = readWitnessKeys(options.witness)
      const proven = await prove(
        readNamed(file),
        readKeys(options.keys),
        witnesses,
        quorumOf(options.quorum, witnesses),
      )
      sessionOf(command).output.data(summaryOf(proven), () => describe(proven))
    })
  return receipt
}

interface Proven extends ProvenRecord {
  readonly origin: string
  /** How many witnesses are trusted. */
  readonly trusted: number
}

/** A log goes on under a new name after a restore; its keys may be kept under both, and each signs for one of them. */
async function prove(
  text: string,
  keys: readonly Verifier[],
  witnesses: readonly Verifier[],
  quorum: number | undefined,
): Promise<Proven> {
  const { verifyRecordReceipt } = await import('../../audit/index.ts')
  const { origin } = parseCheckpoint(parseReceipt(text).checkpoint)
  const verifiers = keys.filter((key) => key.name === origin)
  if (verifiers.length === 0) throw new CliError('usage', `these are not the keys of the log \`${origin}\``)
  const trusted = new Set(witnesses.map(({ name }) => name)).size
  const asked = quorum === undefined ? {} : { quorum }
  return { ...verifyRecordReceipt(text, { origin, verifiers, witnesses, ...asked }), origin, trusted }
}

function summaryOf({ index, leaf, size, origin, witnesses, trusted }: Proven): object {
  const { kind, at, of, commitment } = leaf
  const hash = Buffer.from(commitment).toString('base64')
  return { index, kind, at, ...(of === undefined ? {} : { of }), commitment: hash, origin, size, witnesses, trusted }
}

function describe({ index, leaf, size, origin, witnesses, trusted }: Proven): string {
  return [
    `record ${index} is in the log`,
    `  kind   ${leaf.kind}${leaf.of === undefined ? '' : ` of ${leaf.of}`}`,
    `  at     ${new Date(leaf.at).toISOString()}`,
    `  origin ${origin}, signed at ${size} records`,
    `  body   ${Buffer.from(leaf.commitment).toString('base64')}`,
    witnesses.length > 0
      ? `  witnessed by ${witnesses.length} of ${trusted}: ${witnesses.join(', ')}`
      : `  unwitnessed${trusted > 0 ? ' by these' : ''}: only its operator vouches that there is one history`,
  ].join('\n')
}
