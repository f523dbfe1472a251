import { statedReasoning } from '../../kernel/index.ts'
import { GatewayError } from '../errors.ts'
import { isObject, type JsonObject, type RpcMessage } from './json-rpc.ts'

/** The member of `_meta` in which a client gives its reasons for what it asks (MCP, "General fields": a prefix of ours). */
const MEMBER = 'io.sallyport/reasoning'

/**
 * A message without the reasons that its client gives for it: they are for the record, and go nowhere else. Throws
 * `arguments_invalid` where they are no text.
 */
export function reasoningApart<Message extends RpcMessage>(
  message: Message,
): { readonly message: Message; readonly reasoning: string | undefined } {
  const meta = metaOf(message)
  if (meta === undefined || !Object.hasOwn(meta, MEMBER)) return { message, reasoning: undefined }
  const { [MEMBER]: given, ...others } = meta
  if (typeof given !== 'string') {
    throw new GatewayError('arguments_invalid', `the member \`${MEMBER}\` of \`_meta\` is not a text`)
  }
  const { _meta: _, ...rest } = 'params' in message ? message.params : {}
  const params = Object.keys(others).length === 0 ? rest : { ...rest, _meta: others }
  return { message: { ...message, params }, reasoning: statedReasoning(given) }
}

function metaOf(message: RpcMessage): JsonObject | undefined {
  return 'params' in message && isObject(message.params._meta) ? message.params._meta : undefined
}
