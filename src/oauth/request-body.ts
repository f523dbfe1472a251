import { IncomingMessage } from 'node:http'

/** What oidc-provider reads at most. */
const MAX_BODY = 56 * 1024

/**
 * Reads the body of a request, and gives the request back as it was, to be read again; `too_large` where the body is
 * larger than 56 KiB, declared or not.
 */
export async function readAhead(request: IncomingMessage): Promise<IncomingMessage | 'too_large'> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return 'too_large'
  const chunks: Buffer[] = []
  let received = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    received += chunk.length
    if (received > MAX_BODY) return 'too_large'
    chunks.push(chunk)
  }
  const again = new IncomingMessage(request.socket)
  again.httpVersion = request.httpVersion
  again.method = request.method
  again.url = request.url
  again.headers = request.headers
  again.rawHeaders = request.rawHeaders
  // All of it is here; a message that is not complete takes its socket down when it is let go.
  again.complete = true
  for (const chunk of chunks) again.push(chunk)
  again.push(null)
  return again
}
