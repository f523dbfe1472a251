import { createHmac } from 'node:crypto'
import type { Clock } from '../../kernel/index.ts'
import type { Deliver } from './deliver.ts'
import type { GuardedPost } from './guarded-post.ts'

/** Posts batches of events as one JSON object, signed with the secret that the receiver shares. */
export function webhook(options: {
  readonly post: GuardedPost
  readonly secret: string
  readonly origin: string
  readonly clock: Clock
}): Deliver {
  const { post, secret, origin, clock } = options
  return {
    async send(batch, signal) {
      const body = JSON.stringify({ log: origin, events: batch.map(({ event }) => event) })
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'sallyport',
        'sallyport-signature': webhookSignature(secret, Math.floor(clock.now() / 1000), body),
      }
      await post.post(headers, body, signal)
      return {}
    },
    close: () => post.close(),
  }
}

/**
 * The header `Sallyport-Signature`: `t=TIMESTAMP,v1=HEX`, where HEX is the HMAC-SHA256 under the secret over the
 * timestamp in seconds, a full stop and the body. The timestamp lets a receiver refuse what was caught and sent again.
 */
export function webhookSignature(secret: string, timestamp: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return `t=${timestamp},v1=${mac}`
}
