import type { IncomingMessage } from 'node:http'

export class BodyError extends Error {
  readonly kind: 'json' | 'size'

  constructor(kind: 'json' | 'size') {
    super(kind === 'json' ? 'the body is not JSON' : 'the body is too large')
    this.kind = kind
  }
}

const LIMIT = 8 * 1024 * 1024

/** Throws `BodyError`. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > LIMIT) throw new BodyError('size')
    chunks.push(bytes)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new BodyError('json')
  }
}
