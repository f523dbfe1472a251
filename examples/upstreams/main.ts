// `node examples/upstreams/main.ts`: the stand-ins on their own, for trying them or for putting a Sallyport before them.
import { randomBytes } from 'node:crypto'
import { startModelUpstream, startOfficeUpstream } from './index.ts'

const apiKey = process.env.UPSTREAM_API_KEY ?? randomBytes(24).toString('base64url')
const model = await startModelUpstream({ port: Number(process.env.MODEL_PORT ?? 8421), apiKey })
const office = await startOfficeUpstream({ port: Number(process.env.OFFICE_PORT ?? 8422), apiKey })
process.stdout.write(
  `model   ${model.url}/v1 (OpenAI), ${model.url} (Anthropic)\noffice  ${office.url} (MCP)\nkey     ${apiKey}\n`,
)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await Promise.all([model.close(), office.close()])
  })
}
