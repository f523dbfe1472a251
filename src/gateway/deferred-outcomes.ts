import type { Log, NewRecord } from '../audit/index.ts'

/** A log to which outcomes are written together with what comes next. */
export interface DeferringLog extends Pick<Log, 'append'> {
  /** Hands on what is still waiting. */
  flush(): void
}

/** Milliseconds that an outcome waits, at most. */
const WAIT = 5

/**
 * Nobody waits for an outcome, but a durable write costs the same for one record as for many: outcomes go into the log
 * together with the next decision. What a crash takes reads as unknown, as it would in the middle of the request.
 */
export function deferOutcomes(log: Pick<Log, 'append'>): DeferringLog {
  let waiting: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const all = waiting
    waiting = []
    for (const write of all) write()
  }
  const defer = (record: NewRecord): Promise<number> => {
    timer ??= setTimeout(flush, WAIT)
    return new Promise((resolve, reject) => {
      waiting.push(() => log.append(record).then(resolve, reject))
    })
  }

  return {
    append(record) {
      if (record.kind === 'outcome') return defer(record)
      if (waiting.length > 0) flush()
      return log.append(record)
    },
    flush,
  }
}
