import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { importJWK } from 'jose'
import OpenAI from 'openai'
import { allowInsecureRequests, clientCredentialsGrant, discovery, PrivateKeyJwt } from 'openid-client'
import type { Credentials } from './sallyport.ts'

/** An OpenAI client as anybody has one; only the base URL and the key are Sallyport's. */
export function openaiClient(credentials: Credentials, secret: string): OpenAI {
  return new OpenAI({ baseURL: credentials.gateway.openai, apiKey: secret, maxRetries: 0 })
}

/** An MCP client as anybody has one. Whoever opens it closes it. */
export async function mcpClient(credentials: Credentials, server: string, secret: string): Promise<Client> {
  const client = new Client({ name: 'sallyport-tour', version: '1.0.0' })
  const url = new URL(credentials.gateway.mcp[server] ?? `${server}: no such server`)
  const requestInit = { headers: { authorization: `Bearer ${secret}` } }
  // the SDK's own types differ in `sessionId?: string` and `sessionId: string | undefined`
  const transport = new StreamableHTTPClientTransport(url, { requestInit }) as Parameters<Client['connect']>[0]
  await client.connect(transport)
  return client
}

/** A fresh access token, for the gateway unless it says otherwise, got with the principal's own key. `expiresIn` in seconds. */
export async function accessToken(
  credentials: Credentials,
  name: string,
  { audience, scope } = { audience: 'gw', scope: 'models tools' },
): Promise<{ token: string; expiresIn: number }> {
  const principal = credentials.principals[name]
  if (principal?.private_key_jwk === undefined) throw new Error(`no key for ${name}`)
  const key = await importJWK(principal.private_key_jwk, 'ES256')
  if (key instanceof Uint8Array) throw new Error(`the key of ${name} is not asymmetric`)
  const { kid } = principal.private_key_jwk
  const issuer = new URL(credentials.issuer)
  const authentication = PrivateKeyJwt(typeof kid === 'string' ? { key, kid } : key)
  // the demo is served over http on loopback
  const options = { execute: [allowInsecureRequests] }
  const configuration = await discovery(issuer, principal.client_id, undefined, authentication, options)
  const answer = await clientCredentialsGrant(configuration, {
    scope,
    resource: `${credentials.issuer}/${audience}`,
  })
  return { token: answer.access_token, expiresIn: answer.expires_in ?? 0 }
}
