/** What both wire protocols come down to before the stand-in thinks about it. */
export interface Conversation {
  readonly turns: readonly Turn[]
  /** Names of the tools that the request declares and allows. */
  readonly tools: readonly string[]
}

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly text: string
  readonly calls: readonly ToolCall[]
}

export interface ToolCall {
  readonly name: string
  readonly arguments: { readonly [name: string]: string }
}

export interface Answer {
  readonly text: string
  readonly calls: readonly ToolCall[]
}

/** One token is one word with the white space before it; good enough to stream and to bill. */
export function tokens(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}

/** What the conversation would cost to read. */
export function promptTokens(conversation: Conversation): number {
  let count = 0
  for (const turn of conversation.turns) count += tokens(turn.text).length + argumentTokens(turn.calls)
  return count
}

/** What the answer cost to write. */
export function completionTokens(answer: Answer): number {
  return tokens(answer.text).length + argumentTokens(answer.calls)
}

function argumentTokens(calls: readonly ToolCall[]): number {
  let count = 0
  for (const call of calls) count += tokens(JSON.stringify(call.arguments)).length
  return count
}
