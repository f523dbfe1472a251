import Anthropic from '@anthropic-ai/sdk'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import type { Credentials } from '../../examples/tour/sallyport.ts'

export { accessToken, mcpClient, openaiClient } from '../../examples/tour/clients.ts'

export function anthropicClient(credentials: Credentials, secret: string): Anthropic {
  return new Anthropic({ baseURL: credentials.gateway.anthropic, apiKey: secret, maxRetries: 0 })
}

/** A client of the revision 2026-07-28, which falls back to nothing. */
export async function modernMcpClient(url: string, secret: string): Promise<NewClient> {
  const client = new NewClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(
    new NewTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${secret}` } } }),
  )
  return client
}

/** What a tool returned, as text. */
export function textOf(result: unknown): string {
  if (typeof result !== 'object' || result === null || !('content' in result) || !Array.isArray(result.content))
    return ''
  return result.content.map((part: { text?: string }) => part.text ?? '').join('')
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
}
