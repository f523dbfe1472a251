import type { Summary } from '../server/index.ts'

/** What stands in the terminal after `npm start`: what runs where, and what to try. */
export function bannerOf(summary: Summary, version: string, readyMs: number): string {
  const lines = [
    `sallyport ${version}, ready in ${readyMs} ms`,
    '',
    `  ${summary.url.padEnd(44)}  who are you, what may you do`,
  ]
  const { demo } = summary
  if (demo !== undefined) {
    lines.push(
      `  ${demo.gateway.openai.padEnd(44)}  OpenAI clients`,
      `  ${demo.gateway.anthropic.padEnd(44)}  Anthropic clients`,
      ...Object.values(demo.gateway.mcp).map((url) => `  ${url.padEnd(44)}  MCP clients`),
      ...demo.upstreams.map(({ url, what }) => `  ${url.padEnd(44)}  ${what}`),
      '',
      `  data in ${summary.data}, keys of the demo in ${demo.credentials}`,
      '',
      'Next, in another terminal:',
      '  npm run tour                                      the story in half a minute',
      '  npm run -s sallyport -- log tail                  what happens, while it happens',
      '  npm run -s sallyport -- decide research-assistant tool:call Tool::office/send_message',
      '  npm run -s sallyport -- --help',
    )
  } else {
    lines.push('', `  data in ${summary.data}; tenants: ${summary.tenants.join(', ')}`)
  }
  for (const { tenant, targets } of summary.observed) {
    lines.push('', `  OBSERVE: nothing is refused in ${tenant} for ${targets.join(', ')}`)
  }
  return [...lines, '', 'Ctrl-C stops it.'].join('\n')
}
