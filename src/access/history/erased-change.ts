import { parseWorldKey } from './world-versions.ts'

/**
 * What stays of a kept change when somebody is forgotten: nothing (`gone`) of what is about them, and of the rest its
 * value with a stand-in for their name. `undefined` where they are not named.
 */
export function erasedChange(
  { key, value }: { readonly key: string; readonly value: string | null },
  person: string,
  standIn: string,
): 'gone' | string | undefined {
  if (isAbout(key, person)) return 'gone'
  if (value === null || !isNamedIn(value, person)) return undefined
  const found: unknown = JSON.parse(value)
  if (isListed(key, found, person)) return 'gone'
  const said = JSON.stringify(without(found, person, standIn))
  return said === value ? undefined : said
}

/** Whether a JSON text may name somebody. */
export function isNamedIn(text: string, person: string): boolean {
  return text.includes(JSON.stringify(person).slice(1, -1))
}

function isAbout(key: string, person: string): boolean {
  const parsed = key === '' ? undefined : parseWorldKey(key)
  if (parsed?.kind === 'entity') return parsed.uid.id === person
  return parsed?.kind === 'roles' && parsed.assignee.id === person
}

function isListed(key: string, entry: unknown, person: string): boolean {
  if (key === '' || parseWorldKey(key)?.kind !== 'list') return false
  const { target } = entry as { readonly target?: { readonly kind?: unknown; readonly value?: unknown } }
  return target?.kind === 'principal' && target.value === person
}

function without(value: unknown, person: string, standIn: string): unknown {
  if (value === person || value === `User::${person}` || value === `User::${JSON.stringify(person)}`) return standIn
  if (Array.isArray(value)) return value.map((one) => without(one, person, standIn))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, without(one, person, standIn)]))
}
