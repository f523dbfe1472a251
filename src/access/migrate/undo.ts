import { createHash } from 'node:crypto'
import { z } from 'zod'
import { applyEdits, invertEdits } from '../../cedar/index.ts'
import { errorText } from '../../kernel/index.ts'
import { AccessError } from '../errors.ts'
import type { MigratedFile } from './draft-migration.ts'

/** How a migrated file becomes again what it was. */
export interface UndoFile {
  readonly name: string
  /** The file as it was, from the file as it is. Throws `migration_invalid` where it is not the one that was migrated. */
  restore(text: string): string
}

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const edit = z.strictObject({ start: z.int().min(0), end: z.int().min(0), by: z.string() })
const undo = z.strictObject({
  undoes: z.string(),
  files: z.array(
    z.strictObject({ name: z.string().min(1), before: digest, after: digest, edits: z.array(edit).max(1_000_000) }),
  ),
})

/** The inverse of a migration, to be kept beside its plan. */
export function undoText(plan: string, files: readonly MigratedFile[]): string {
  const inverse: z.output<typeof undo> = {
    undoes: plan,
    files: files.map(({ name, before, after, edits }) => ({
      name,
      before: digestOf(before),
      after: digestOf(after),
      edits: [...invertEdits(before, edits)],
    })),
  }
  return `${JSON.stringify(inverse, null, 1)}\n`
}

/** Throws `migration_invalid` for what is no inverse. */
export function parseUndo(name: string, text: string): readonly UndoFile[] {
  return read(name, text).files.map((file) => ({
    name: file.name,
    restore(now) {
      if (digestOf(now) !== file.after) {
        throw new AccessError(
          'migration_invalid',
          `\`${file.name}\` has changed since the migration, and cannot be brought back to what it was`,
        )
      }
      const before = applyEdits(now, file.edits)
      if (digestOf(before) !== file.before) throw invalid(name, `it does not lead back to what \`${file.name}\` was`)
      return before
    },
  }))
}

function read(name: string, text: string): z.output<typeof undo> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(name, errorText(error))
  }
  const parsed = undo.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(name, `${issue?.path.map(String).join('.')}: ${issue?.message}`)
}

function invalid(name: string, why: string): AccessError {
  return new AccessError('migration_invalid', `\`${name}\` is no inverse of a migration: ${why}`)
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
