import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { ServerError } from '../errors.ts'

/** What a local client needs: where Sallyport is, and the keys of the principals that act from this machine. */
export interface CredentialsFile {
  readonly issuer: string
  readonly gateway: {
    readonly openai: string
    readonly anthropic: string
    readonly mcp: Readonly<Record<string, string>>
  }
  readonly principals: Readonly<
    Record<
      string,
      {
        readonly client_id: string
        readonly private_key_jwk?: object | undefined
        readonly gateway_key?: string | undefined
      }
    >
  >
}

const kept = z.object({
  principals: z.record(
    z.string(),
    z.object({
      client_id: z.string(),
      private_key_jwk: z.record(z.string(), z.unknown()).optional(),
      gateway_key: z.string().optional(),
    }),
  ),
})

/** The principals of a file that was written before. Throws `demo_unreadable`. */
export function readCredentialsFile(file: string): Pick<CredentialsFile, 'principals'> {
  try {
    return kept.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new ServerError(
      'demo_unreadable',
      `\`${file}\` is not a credentials file; remove it, and new keys are made`,
      { cause },
    )
  }
}

/** Writes the file whole or not at all, readable by its owner only. */
export function writeCredentialsFile(file: string, credentials: CredentialsFile): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const next = `${file}.next`
  writeFileSync(next, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 })
  renameSync(next, file)
}
