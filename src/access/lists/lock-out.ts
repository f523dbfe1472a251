import { setImmediate } from 'node:timers/promises'
import type { Context, PrincipalKind } from '../../kernel/index.ts'
import { judgeChain, type Known } from '../decide-chain.ts'
import { whenAllowed } from '../when-allowed.ts'
import { aloneAs } from '../who-can.ts'
import { listBook } from './list-book.ts'
import type { WantedEntry } from './lists.ts'

/**
 * Tells whether deny entries would leave nobody who can change the lists, where somebody can now. Who is asking does not
 * matter; what an address would refuse does not count, because nobody's is known beforehand. Lets others have their turn.
 */
export function lockOutCheck(
  known: () => Known,
): (asker: Context, entries: readonly WantedEntry[]) => Promise<boolean> {
  // Whoever could find the way back last time is asked first: one principal instead of all of them.
  let last: Candidate | undefined
  return async (asker, entries) => {
    const { length } = entries.filter(({ list }) => list === 'deny')
    if (length === 0) return false
    const book = listBook()
    const common = { source: '', addedBy: '', addedAt: 0 }
    book.put(entries.map((entry, at) => ({ ...entry, ...common, id: String(at) })))
    const question = { action: 'list:change', resource: { type: 'Tenant', id: asker.tenant } }
    const isLeft = (candidate: Candidate): boolean => {
      const ctx = aloneAs(asker, candidate)
      return judgeChain(ctx, question, { ...known(), lists: book }).listed.length === 0
    }
    const can = (candidate: Candidate): boolean => {
      const when = whenAllowed(aloneAs(asker, candidate), question, known())?.when
      return when === 'now' || when === 'after'
    }
    if (last !== undefined && can(last) && isLeft(last)) return false
    let somebodyCan = false
    let asked = 0
    for (const candidate of candidatesIn(known())) {
      if (++asked % AT_A_TIME === 0) await setImmediate()
      if (!can(candidate)) continue
      somebodyCan = true
      if (!isLeft(candidate)) continue
      last = candidate
      return false
    }
    return somebodyCan
  }
}

type Candidate = { readonly kind: PrincipalKind; readonly id: string }

/** Decisions that are made before others get their turn. */
const AT_A_TIME = 200

/** Those who administer: people, or programs of theirs. */
export function* candidatesIn({ entities }: Pick<Known, 'entities'>): Iterable<Candidate> {
  const all = entities.with(undefined)
  for (const kind of ['User', 'Service'] as const) for (const { id } of all.uidsOf(kind)) yield { kind, id }
}
