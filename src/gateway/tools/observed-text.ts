import type { Json } from '../../kernel/index.ts'

/** What somebody who reads a server's answer may read in it: the texts as the parts of one, and all the rest. */
export interface ObservedText {
  readonly parts: readonly string[]
  readonly rest: string
}

/** Images and sounds are not read: what a model finds in them counts as its own. */
export function observedText(content: Json): ObservedText {
  const parts: string[] = []
  const rest = JSON.stringify(content, (key: string, value: Json) => {
    if (typeof value !== 'string') return value
    if (key === 'text') {
      parts.push(value)
      return undefined
    }
    if (key !== 'blob' && key !== 'data') return value
    const text = decodeText(value)
    if (text !== undefined) parts.push(text)
    return text === undefined && value.length > 256 ? undefined : value
  })
  return { parts, rest: rest === '{}' || rest === '[]' ? '' : rest }
}

function decodeText(base64: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return undefined
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64, 'base64'))
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
