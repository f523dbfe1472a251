import type { Json } from '../../kernel/index.ts'
import { argumentLeaves } from './argument-leaves.ts'

/** The arguments as policies see them: the text of each value, by its JSON pointer. Throws `arguments_invalid`. */
export function argumentTexts(args: Json): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const { pointer, value } of argumentLeaves(args)) {
    texts[pointer] = typeof value === 'string' ? value : JSON.stringify(value)
  }
  return texts
}
