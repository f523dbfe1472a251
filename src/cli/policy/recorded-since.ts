import { z } from 'zod'
import type { RecordedDecision } from '../../access/index.ts'
import type { ApiClient } from '../client.ts'
import { momentOf } from '../moment.ts'
import { recordSchema } from '../record-text.ts'

const page = z.object({ records: z.array(recordSchema), cursor: z.string().optional() })

/** What a server has recorded. */
export interface RecordedSince {
  readonly decisions: readonly RecordedDecision[]
  /** Records whose contents were erased, withheld, or cannot be read. */
  readonly unread: number
  /** Whether there was more than is asked for at most. */
  readonly isCut: boolean
}

/** Where a log is longer, its newest part counts. */
const MOST = 100_000

/** Reads the decisions that were recorded since a time (`7d`, or a moment), newest first. */
export async function recordedSince(client: ApiClient, since: string): Promise<RecordedSince> {
  const { recordedDecisions } = await import('../../access/index.ts')
  const from = momentOf(since)
  const decisions: RecordedDecision[] = []
  let unread = 0
  let cursor: string | undefined
  do {
    const query = new URLSearchParams({
      kind: 'decision',
      from,
      limit: '1000',
      ...(cursor === undefined ? {} : { cursor }),
    })
    const answer = page.parse(await client.call('GET', `/api/records?${query}`))
    for (const record of answer.records) {
      const { index, kind, at, erased, withheld, txn, body } = record
      const read =
        withheld === true
          ? undefined
          : recordedDecisions({
              index,
              kind,
              at,
              erased,
              ...(txn === undefined ? {} : { txn }),
              ...(body === undefined ? {} : { body }),
            })
      if (read === undefined || 'why' in read) unread++
      else decisions.push(...read)
    }
    cursor = answer.cursor
  } while (cursor !== undefined && decisions.length < MOST)
  return { decisions, unread, isCut: cursor !== undefined }
}

/** What the report says of it; nothing where nothing was left out. */
export function recordedNotes({ unread, isCut }: RecordedSince): readonly string[] {
  return [
    ...(unread === 0 ? [] : [`${unread} records were not read: erased, or withheld from you`]),
    ...(isCut ? ['the log has more than is asked for at most; its newest part was'] : []),
  ]
}
