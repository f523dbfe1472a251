import { existsSync, readFileSync } from 'node:fs'
import { parseVerifierKey, type Verifier } from '../translog/index.ts'
import { CliError } from './errors.ts'

/** The public keys in a text, one verifier key a line. Throws `usage` where there is none. */
export function parseKeys(text: string): Verifier[] {
  const verifiers = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => parseVerifierKey(line.trim()))
  if (verifiers.length === 0) throw new CliError('usage', 'there is no public key to verify with')
  return verifiers
}

/** The public keys in a file. */
export function readKeys(file: string): Verifier[] {
  return parseKeys(readNamed(file))
}

/** Public keys of witnesses, each given as itself or as the name of a file. */
export function readWitnessKeys(given: readonly string[] = []): Verifier[] {
  const verifiers = given.flatMap((one) => (existsSync(one) ? readKeys(one) : parseKeys(one)))
  const own = verifiers.find(({ type }) => type === 'ed25519')
  if (own !== undefined) throw new CliError('usage', `\`${own.name}\` is the key of a log, not of a witness`)
  return verifiers
}

/** The text of a file that the user named. Throws `usage`. */
export function readNamed(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError('usage', `the file \`${file}\` cannot be read`, { cause: error })
  }
}

/** How many of the witnesses must have cosigned. Throws `usage` where so many are not trusted. */
export function quorumOf(given: string | undefined, witnesses: readonly Verifier[]): number | undefined {
  if (given === undefined) return undefined
  const known = new Set(witnesses.map(({ name }) => name)).size
  const quorum = Number(given)
  if (Number.isInteger(quorum) && quorum >= 1 && quorum <= known) return quorum
  throw new CliError('usage', `--quorum is a number from 1 to the ${known} witnesses that --witness names`)
}
