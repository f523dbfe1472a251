import { secondsOf } from './commands/duration-argument.ts'
import { CliError } from './errors.ts'

/** A duration before now, as in `7d`, or a time; as ISO 8601. Throws `usage` for what is neither. */
export function momentOf(text: string): string {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() - secondsOf(text) * 1000).toISOString()
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new CliError('usage', `\`${text}\` is neither a duration, as in \`7d\`, nor a time`)
  return new Date(at).toISOString()
}
