import type { Answer, Conversation, ToolCall, Turn } from './conversation.ts'
import { findWishes, type Wish } from './wishes.ts'

/**
 * The whole mind of the stand-in. It does what the newest message of the user asks, with the tools that the request
 * declares, and it believes every instruction that it reads on the way, whoever wrote it: the last one wins. That
 * weakness is the point; real models have it too, only less often.
 */
export function think(conversation: Conversation): Answer {
  const task = currentTask(conversation.turns)
  const wishes = task.flatMap((turn) => (turn.role === 'assistant' ? [] : findWishes(turn.text)))
  const done = task.flatMap((turn) => turn.calls)
  const steps = [lookAround(wishes, done, conversation), send(wishes, done, task, conversation), speak(wishes, task)]
  return steps.find((step) => step !== undefined) ?? introduce(task)
}

/** The newest message of the user and everything after it. */
function currentTask(turns: readonly Turn[]): readonly Turn[] {
  const start = turns.findLastIndex((turn) => turn.role === 'user')
  return start < 0 ? turns : turns.slice(start)
}

/** Lists and reads whatever was asked for and has not been asked for yet: all of it at once. */
function lookAround(wishes: readonly Wish[], done: readonly ToolCall[], conversation: Conversation) {
  const calls: ToolCall[] = []
  const listFiles = toolNamed(conversation, 'list_files')
  if (listFiles !== undefined && wishes.some((wish) => wish.kind === 'list') && !hasCalled(done, listFiles)) {
    calls.push({ name: listFiles, arguments: {} })
  }
  const readFile = toolNamed(conversation, 'read_file')
  const paths = new Set(wishes.flatMap((wish) => (wish.kind === 'read' ? [wish.path] : [])))
  for (const path of paths) {
    if (readFile === undefined) {
      return { text: `I have no tool that reads files, so I cannot open ${path}.`, calls: [] }
    }
    if (!hasCalled(done, readFile, 'path', path)) calls.push({ name: readFile, arguments: { path } })
  }
  return calls.length === 0 ? undefined : { text: 'Let me look.', calls }
}

/** Sends the summary to the last address that anybody named. */
function send(
  wishes: readonly Wish[],
  done: readonly ToolCall[],
  task: readonly Turn[],
  conversation: Conversation,
): Answer | undefined {
  const wish = wishes.findLast((candidate) => candidate.kind === 'send')
  if (wish === undefined) return undefined
  const tool = toolNamed(conversation, 'send_message')
  if (tool === undefined)
    return { text: `I have no tool that sends messages, so I cannot write to ${wish.to}.`, calls: [] }
  if (hasCalled(done, tool, 'to', wish.to)) {
    return { text: `Done: ${wish.to} has it. ${summarise(materialOf(task))}`, calls: [] }
  }
  const body = summarise(materialOf(task))
  return {
    text: `I am sending it to ${wish.to}.`,
    calls: [{ name: tool, arguments: { to: wish.to, subject: 'Summary', body } }],
  }
}

function speak(wishes: readonly Wish[], task: readonly Turn[]): Answer | undefined {
  const wish = wishes.findLast((candidate) => candidate.kind === 'say' || candidate.kind === 'count')
  if (wish?.kind === 'say') return { text: wish.text, calls: [] }
  if (wish?.kind === 'count') {
    return { text: Array.from({ length: wish.to }, (_, index) => String(index + 1)).join(' '), calls: [] }
  }
  const hasRead = task.some((turn) => turn.role === 'tool')
  if (hasRead || wishes.some((candidate) => candidate.kind === 'summarise')) {
    return { text: summarise(materialOf(task)), calls: [] }
  }
  return undefined
}

function introduce(task: readonly Turn[]): Answer {
  const heard = task.find((turn) => turn.role === 'user')?.text.trim() ?? ''
  const quoted = heard.length > 80 ? `${heard.slice(0, 77)}...` : heard
  return { text: `I am the demo model, a handful of rules. You said: "${quoted}".`, calls: [] }
}

/** What tools returned for this task; without any, what the user wrote. */
function materialOf(task: readonly Turn[]): string {
  const returned = task.filter((turn) => turn.role === 'tool').map((turn) => turn.text)
  if (returned.length > 0) return returned.join('\n')
  const written = task.find((turn) => turn.role === 'user')?.text ?? ''
  return written.replace(/^[^\n:]*\bsummar[^\n:]*:\s*/i, '')
}

/** The first three sentences, headers and titles left out. */
function summarise(material: string): string {
  const sentences = material.match(/[^\s.!?](?:[^.!?\n]|[.!?](?=\S))*[.!?](?=\s|$)/g) ?? []
  const summary = sentences.slice(0, 3).join(' ')
  return `Summary: ${summary === '' ? material.trim().slice(0, 200) : summary}`
}

/** Clients prefix tool names as they like (`office__read_file`, `mcp_office_read_file`). */
function toolNamed(conversation: Conversation, name: string): string | undefined {
  return conversation.tools.find((tool) => tool === name || tool.endsWith(`_${name}`) || tool.endsWith(`.${name}`))
}

function hasCalled(done: readonly ToolCall[], name: string, argument?: string, value?: string): boolean {
  return done.some((call) => call.name === name && (argument === undefined || call.arguments[argument] === value))
}
