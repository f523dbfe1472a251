/**
 * The form in which texts are compared: NFKC, without characters that nobody sees (zero-width, bidirectional controls,
 * variation selectors, soft hyphens), every run of white space one space. Letters that merely look alike stay different:
 * a Cyrillic `а` is not a Latin `a`.
 */
export function cleanText(text: string): string {
  return tidy(text.normalize('NFKC'))
}

/** The same, but without folding compatibility forms: what was literally written. */
export function literalText(text: string): string {
  return text.normalize('NFC').replace(SPACE, ' ').trim()
}

/**
 * Whether a value is what it seems. One that is not (a full-width letter, a zero-width space inside an address) goes
 * upstream as it is, and the upstream may read it as somebody else: it is only trusted where exactly this was written.
 */
export function isPlain(value: string): boolean {
  return !INVISIBLE_ONCE.test(value) && !CONTROL_ONCE.test(value) && value.normalize('NFKC') === value.normalize('NFC')
}

/** For comparing without regard to case. Not for anything where case carries meaning. */
export function foldCase(text: string): string {
  return text.toLowerCase()
}

function tidy(text: string): string {
  return text.replace(INVISIBLE, '').replace(CONTROL, '').replace(SPACE, ' ').trim()
}

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu
const INVISIBLE_ONCE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/u
// All control characters but the white space among them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this removes
const CONTROL = /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this finds
const CONTROL_ONCE = /[\u0000-\u0008\u000b-\u000c\u000e-\u001f\u007f-\u009f]/
const SPACE = /\s+/g
