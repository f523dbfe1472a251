import { mcpClient } from '../clients.ts'
import { denialOf } from '../denial.ts'
import { expect } from '../expect.ts'
import { stage } from '../stage.ts'
import { showDenial, type Tour } from '../tour.ts'

/** What a caller may not use, it does not see. */
export async function noTools(tour: Tour): Promise<void> {
  const { credentials } = tour.sallyport
  stage.step(
    4,
    'What you may not call you do not see',
    'inference-client uses models, and nothing else. It may connect to the office, but the list of tools that it gets is its own.',
  )
  const mcp = await mcpClient(credentials, 'office', credentials.principals['inference-client']?.gateway_key ?? '')
  try {
    const { tools } = await mcp.listTools()
    stage.line('request', 'tools/list, as inference-client')
    stage.line('answer', JSON.stringify({ tools: tools.map((tool) => tool.name) }))
    expect(tools.length === 0, 'inference-client sees no tools')
    stage.line('request', 'tools/call read_file, guessing the name')
    const failure = await mcp
      .callTool({ name: 'read_file', arguments: { path: 'notes/q3.txt' } })
      .catch((error: unknown) => error)
    const denied = denialOf(failure)
    expect(denied !== undefined, 'calling a tool by guessing its name is denied')
    showDenial(denied)
  } finally {
    await mcp.close()
  }
}
