import type { KeyObject } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { openBody } from './body-cipher.ts'
import { BodyKeys } from './body-keys.ts'
import { parseBodyText } from './body-text.ts'
import { CONTINUED } from './continuation.ts'
import type { Problem } from './problems.ts'

/** Holds what the file says of its names against the records in which the log itself says it. */
export function verifyOrigins(db: DatabaseSync, sealing: KeyObject): Problem[] {
  const keys = new BodyKeys(db, sealing)
  const body = db.prepare('SELECT seal, body FROM records WHERE idx = ?')
  const rows = db.prepare('SELECT id, origin, first, after FROM origins ORDER BY id').all()
  return rows.flatMap((row, i): Problem[] => {
    const before = rows[i - 1]
    const wrong = { part: 'log', message: `what the file says of the name \`${row.origin}\` was altered` } as const
    if (Number(row.id) !== i + 1) return [wrong]
    if (before === undefined) return row.first === 0 && row.after === null ? [] : [wrong]
    const sealed = body.get(row.first ?? -1)
    const root = sealed === undefined ? 'broken' : keys.rootOf(Number(sealed.seal))
    const opened = typeof root !== 'string' && sealed?.body instanceof Uint8Array && openBody(root, sealed.body)
    const said = opened ? parseBodyText(opened.text)?.body : undefined
    const agrees =
      said?.operation === CONTINUED &&
      said.from === before.origin &&
      said.to === row.origin &&
      said.size === row.first &&
      (said.after ?? null) === row.after
    return agrees ? [] : [wrong]
  })
}
