import { statedReasoning } from '../kernel/index.ts'

/**
 * What an agent gives as its reasons, in the header `Sallyport-Reasoning`: UTF-8, in one line, 4096 characters at most
 * (what is longer is cut, and ends in `…`). It is recorded and goes nowhere else.
 */
export function reasoningOf(headers: { readonly [name: string]: unknown }): string | undefined {
  const header = headers['sallyport-reasoning']
  if (typeof header !== 'string') return undefined
  // Headers come as bytes; Node shows each of them as one character.
  return statedReasoning(Buffer.from(header, 'latin1').toString('utf8').replaceAll('\t', ' '))
}
