import { type Address, alsoNamed, findAddresses, hostOf } from './addresses.ts'
import { cleanText } from './clean-text.ts'
import { readings, unescapeJson } from './encodings.ts'
import { type Strictness, separateScripts } from './token-boundary.ts'

/**
 * What a text names by the addresses in it. Text that makes a value suspicious (`loose`) is read in every decoding, and
 * taints the host of a mail address as well.
 */
export function namedAddresses(text: string, strictness: Strictness): ReadonlySet<string> {
  const names = new Set<string>()
  for (const form of formsOf(text, strictness)) {
    const separated = separateScripts(form)
    const found = [...findAddresses(form), ...(separated === form ? [] : findAddresses(separated))]
    for (const address of found) for (const name of namesOf(address, strictness)) names.add(name)
  }
  return names
}

/** What is said by a text: itself, and itself without the escapes of JSON. */
export function spokenForms(text: string): readonly string[] {
  return [...new Set([text, unescapeJson(text)].map(cleanText))]
}

function formsOf(text: string, strictness: Strictness): Iterable<string> {
  const spoken = spokenForms(text)
  // What stands encoded in a long text counts as nobody's word, which is no better: reading it in every way takes long.
  if (strictness === 'strict' || text.length > LONG_TEXT) return spoken
  return new Set([...spoken, ...readings(text).map(cleanText)])
}

const LONG_TEXT = 250_000

function namesOf(address: Address, strictness: Strictness): readonly string[] {
  const host = strictness === 'loose' ? hostOf(address) : undefined
  return [address.canonical, ...alsoNamed(address), ...(host === undefined ? [] : [host])]
}
