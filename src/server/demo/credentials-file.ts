import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** What a local client needs: where Sallyport is, and the keys of the principals that act from this machine. */
export interface CredentialsFile {
  readonly issuer: string
  readonly gateway: {
    readonly openai: string
    readonly anthropic: string
    readonly mcp: Readonly<Record<string, string>>
  }
  readonly principals: Readonly<
    Record<string, { readonly client_id: string; readonly private_key_jwk?: object; readonly gateway_key?: string }>
  >
}

/** Writes the file whole or not at all, readable by its owner only. */
export function writeCredentialsFile(file: string, credentials: CredentialsFile): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const next = `${file}.next`
  writeFileSync(next, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 })
  renameSync(next, file)
}
