import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type OpenAI from 'openai'

/** What happens while the agent works, in order. */
export interface Watch {
  text(text: string): void
  call(name: string, args: string): void
  result(name: string, text: string): void
}

/**
 * A small agent as one finds it anywhere: it gives the model the tools of an MCP server, does what the model wants, and
 * returns what the model says in the end. It knows nothing about Sallyport.
 */
export async function runAgent(task: string, openai: OpenAI, mcp: Client, watch: Watch): Promise<string> {
  const { tools } = await mcp.listTools()
  const declared = tools.map((tool) => ({
    type: 'function' as const,
    function: { name: tool.name, description: tool.description ?? '', parameters: tool.inputSchema },
  }))
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'system', content: 'You help with the files of the office.' },
    { role: 'user', content: task },
  ]
  for (let turn = 0; turn < 10; turn++) {
    const stream = openai.chat.completions.stream({ model: 'demo-chat', messages, tools: declared })
    const completion = await stream.finalChatCompletion()
    const message = completion.choices[0]?.message
    if (message === undefined) throw new Error('the model said nothing')
    if (message.content !== null && message.content !== '') watch.text(message.content)
    const calls = message.tool_calls ?? []
    if (calls.length === 0) return message.content ?? ''
    messages.push(message)
    for (const call of calls) {
      if (call.type !== 'function') continue
      watch.call(call.function.name, call.function.arguments)
      const result = await mcp.callTool({ name: call.function.name, arguments: JSON.parse(call.function.arguments) })
      const text = textOf(result.content)
      watch.result(call.function.name, text)
      messages.push({ role: 'tool', tool_call_id: call.id, content: text })
    }
  }
  throw new Error('the agent did not come to an end')
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: string }) => part.text ?? '').join('\n')
}
