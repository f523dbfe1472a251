export interface SentMessage {
  readonly to: string
  readonly subject: string
  readonly body: string
}

/** What the office has sent. It goes nowhere. */
export interface Mailbox {
  send(message: SentMessage): number
  sent(): readonly SentMessage[]
}

export function openMailbox(): Mailbox {
  const messages: SentMessage[] = []
  return {
    send: (message) => messages.push(message),
    sent: () => [...messages],
  }
}
