import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { errorText } from '../kernel/index.ts'
import { CliError } from './errors.ts'

const credentialsSchema = z.object({
  issuer: z.url(),
  gateway: z.object({ openai: z.url(), anthropic: z.url(), mcp: z.record(z.string(), z.url()) }),
  principals: z.record(
    z.string(),
    z.object({
      client_id: z.string(),
      private_key_jwk: z.record(z.string(), z.unknown()).optional(),
      gateway_key: z.string().optional(),
    }),
  ),
})

/** Where a Sallyport is, and the keys of the principals that may act from this machine. */
export type Credentials = z.infer<typeof credentialsSchema>

/** Throws `credentials_missing` with the file's name. */
export function readCredentials(file: string): Credentials {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(
      'credentials_missing',
      `no credentials at \`${file}\`; start sallyport first, or name a file with --credentials`,
      { cause: error },
    )
  }
  try {
    return credentialsSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new CliError('credentials_missing', `\`${file}\` is not a credentials file`, { detail: errorText(error) })
  }
}
