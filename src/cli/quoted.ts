/** A name as it is, where it is one; else quoted. */
export function plain(name: string): string {
  return /^[\p{L}\p{N}/_.:@~-]+$/u.test(name) ? name : quoted(name)
}

/** As JSON, with every character escaped that a terminal does not show, or shows somewhere else (Unicode UAX #9). */
export function quoted(value: unknown): string {
  const escaped = (character: string): string =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join('')
  return (JSON.stringify(value) ?? 'null').replace(/[\p{C}\p{Zl}\p{Zp}]|\p{Default_Ignorable_Code_Point}/gu, escaped)
}
