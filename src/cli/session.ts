import type { Command } from 'commander'
import { type ApiClient, apiClient } from './client.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import { type Output, outputOf } from './output.ts'

/** What the options before a command's own say: who asks, where, and how the answer is printed. */
export interface Session {
  readonly credentials: () => Credentials
  readonly client: () => ApiClient
  readonly output: Output
  readonly as: string
}

export function sessionOf(command: Command): Session {
  const options = command.optsWithGlobals<{ json?: boolean; credentials: string; as: string }>()
  const credentials = () => readCredentials(options.credentials)
  return {
    credentials,
    client: () => apiClient(credentials(), options.as),
    output: outputOf(options.json === true),
    as: options.as,
  }
}
