import { type CallToolResult, McpServer, type RegisteredTool } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Mailbox } from './mailbox.ts'

export interface Office {
  readonly files: ReadonlyMap<string, string>
  readonly mailbox: Mailbox
  /** What differs from the definitions below, by the tool's name; other names are tools of their own. */
  readonly descriptions: ReadonlyMap<string, string>
}

export interface OfficeServer {
  readonly server: McpServer
  readonly tools: ReadonlyMap<string, RegisteredTool>
}

/** One MCP server over the office: the same tools, resources and prompt for both revisions of the protocol. */
export function createOfficeServer(office: Office): OfficeServer {
  const server = new McpServer(
    { name: 'office', version: '1.0.0', title: 'The stand-in office' },
    { instructions: 'Files of the office, and messages to people.' },
  )
  const tools = addTools(server, office)
  addResources(server, office)
  addPrompts(server, office)
  return { server, tools }
}

export function addExtraTool(server: McpServer, name: string, description: string): RegisteredTool {
  return server.registerTool(
    name,
    { description, inputSchema: z.object({ text: z.string().optional() }) },
    ({ text: words }) => text(words ?? name),
  )
}

const DESCRIPTIONS = {
  list_files: 'Lists the paths of all files.',
  read_file: 'Returns the text of one file.',
  send_message: 'Sends a message to a person outside or inside the house.',
}

function addTools(server: McpServer, { files, mailbox, descriptions }: Office): ReadonlyMap<string, RegisteredTool> {
  const described = (name: keyof typeof DESCRIPTIONS) => descriptions.get(name) ?? DESCRIPTIONS[name]
  const tools = new Map([
    [
      'list_files',
      server.registerTool(
        'list_files',
        {
          title: 'List files',
          description: described('list_files'),
          inputSchema: z.object({}),
          outputSchema: z.object({ files: z.array(z.string()) }),
          annotations: { readOnlyHint: true, openWorldHint: false },
        },
        () => ({ ...text([...files.keys()].join('\n')), structuredContent: { files: [...files.keys()] } }),
      ),
    ],
    [
      'read_file',
      server.registerTool(
        'read_file',
        {
          title: 'Read a file',
          description: described('read_file'),
          inputSchema: z.object({ path: z.string().describe('as list_files shows it, e.g. notes/q3.txt') }),
          annotations: { readOnlyHint: true, openWorldHint: false },
        },
        ({ path }) => {
          const content = files.get(path)
          return content === undefined ? { ...text(`There is no file ${path}.`), isError: true } : text(content)
        },
      ),
    ],
    [
      'send_message',
      server.registerTool(
        'send_message',
        {
          title: 'Send a message',
          description: described('send_message'),
          inputSchema: z.object({
            to: z.string().describe('the address'),
            subject: z.string().optional(),
            body: z.string(),
          }),
          annotations: { readOnlyHint: false, destructiveHint: false, openWorldHint: true },
        },
        ({ to, subject, body }) => {
          const number = mailbox.send({ to, subject: subject ?? '', body })
          return text(`Message ${number} is on its way to ${to}.`)
        },
      ),
    ],
  ])
  for (const [name, description] of descriptions) {
    if (!tools.has(name)) tools.set(name, addExtraTool(server, name, description))
  }
  return tools
}

function addResources(server: McpServer, { files }: Office): void {
  for (const [path, content] of files) {
    server.registerResource(path, `office://${path}`, { mimeType: 'text/plain', title: path }, (uri) => ({
      contents: [{ uri: uri.href, mimeType: 'text/plain', text: content }],
    }))
  }
}

function addPrompts(server: McpServer, { files }: Office): void {
  server.registerPrompt(
    'summarise_file',
    { title: 'Summarise a file', argsSchema: z.object({ path: z.string() }) },
    ({ path }) => ({
      messages: [
        { role: 'user', content: { type: 'text', text: `Please write a summary of this: ${files.get(path) ?? path}` } },
      ],
    }),
  )
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] }
}
