/**
 * Text from elsewhere as a terminal may show it: what would move the cursor, colour, hide or turn around what stands
 * there is spelled out. Line feeds and tabs stay.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, spelled)
}

/** The same for what has one line, so that nobody can make it look like two. */
export function oneLine(text: string): string {
  return visible(text).replace(/[\n\t]/g, spelled)
}

/** A value as JSON that a terminal may show; readers of JSON find the same value. */
export function visibleJson(value: unknown, indent?: number): string {
  return visible(JSON.stringify(value, null, indent))
}

function spelled(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

// Control characters, and those that change the direction of text, end lines for some readers, or cannot be seen.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this finds
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
