import type { Log } from '../audit/index.ts'
import { errorText } from '../kernel/index.ts'
import { addSignature, formatAddCheckpoint, parseCheckpoint, type Verifier, verifyNote } from '../translog/index.ts'

/** A witness that a log asks for its cosignatures. */
export interface Witness {
  readonly url: string
  /** its public keys; one of them is enough */
  readonly verifiers: readonly Verifier[]
}

export interface WitnessingDeps {
  readonly log: Log
  readonly witnesses: readonly Witness[]
  /** Called when a witness stops answering or refuses, and not again until it has cosigned. */
  readonly report: (what: string, url: string) => void
  /** Milliseconds between two checkpoints that are shown to witnesses. */
  readonly every?: number
}

/**
 * Shows each new checkpoint to the witnesses, at most once a second, and keeps it with their cosignatures. Nothing
 * waits for it: what they have not seen yet is unwitnessed.
 */
export function keepWitnessed({ log, witnesses, report, every = 1000 }: WitnessingDeps): { close(): Promise<void> } {
  if (witnesses.length === 0) return { close: async () => {} }
  const asked = witnesses.map((witness) => ({ witness, old: 0, failures: 0, notBefore: 0, done: -1 }))
  const stop = new AbortController()
  let running: Promise<void> | undefined

  const askOne = async (one: (typeof asked)[number], note: string, size: number): Promise<string> => {
    if (one.done === size || performance.now() < one.notBefore) return ''
    try {
      const { lines, old } = await addCheckpoint(log, one.witness, note, one.old, stop.signal)
      Object.assign(one, { old, done: size, failures: 0 })
      return lines
    } catch (error) {
      if (stop.signal.aborted) return ''
      if (one.failures === 0) report(errorText(error), one.witness.url)
      one.failures++
      one.notBefore = performance.now() + Math.min(every * 2 ** one.failures, MAX_PAUSE)
      return ''
    }
  }
  const round = async (): Promise<void> => {
    // Bare: our own signatures, and those that were collected for it in an earlier round.
    const note = await log.checkpoint()
    const { size } = parseCheckpoint(note)
    const lines = await Promise.all(asked.map((one) => askOne(one, note, size)))
    const cosigned = note + lines.join('')
    if (cosigned !== note) await log.keepWitnessed(cosigned)
  }
  const timer = setInterval(() => {
    // A log that can't be read now is the log's to report; the next round asks again.
    running ??= round()
      .catch(() => {})
      .finally(() => {
        running = undefined
      })
  }, every).unref()

  return {
    async close() {
      clearInterval(timer)
      stop.abort()
      await running
    },
  }
}

interface Cosigned {
  /** signature lines, verified */
  readonly lines: string
  /** what the witness has cosigned last, which the next request starts from */
  readonly old: number
}

const MAX_PAUSE = 60_000
const TIMEOUT = 10_000
const MAX_ANSWER = 64 * 1024

async function addCheckpoint(
  log: Log,
  witness: Witness,
  note: string,
  old: number,
  signal: AbortSignal,
): Promise<Cosigned> {
  const { size } = parseCheckpoint(note)
  const ask = async (from: number) => {
    const proof = from === 0 ? [] : await log.consistency(from, size)
    return post(`${witness.url}/add-checkpoint`, formatAddCheckpoint({ old: from, proof, checkpoint: note }), signal)
  }
  let answer = await ask(old)
  if (answer.status === 409) {
    // After a restart we do not know where the witness is; it says.
    const known = /^(0|[1-9]\d{0,15})\n?$/.exec(answer.text)?.[1]
    if (known === undefined) throw new Error('the witness answered 409 without a size')
    if (Number(known) > size) {
      throw new Error(`the witness has seen ${known} records and the log has signed ${size}: was it restored?`)
    }
    if (Number(known) === old) throw new Error(`the witness has cosigned another log of ${old} records`)
    answer = await ask(Number(known))
  }
  if (answer.status !== 200)
    throw new Error(`the witness answered ${answer.status}: ${answer.text.slice(0, 200).trim()}`)
  return { lines: verifiedLines(note, answer.text, witness.verifiers), old: size }
}

async function post(url: string, body: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, {
    method: 'POST',
    body,
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
  })
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of answer.body ?? []) {
    length += part.length
    if (length > MAX_ANSWER) throw new Error('the witness answered with more than a cosignature')
    parts.push(part)
  }
  return { status: answer.status, text: Buffer.concat(parts).toString('utf8') }
}

/** The witness's own lines alone, each verified: it may not put anything else under our checkpoint. */
function verifiedLines(note: string, answer: string, verifiers: readonly Verifier[]): string {
  const { text } = parseCheckpoint(note).note
  const { signatures } = verifyNote(`${text}\n${answer}`, verifiers)
  const known = parseCheckpoint(note).note.signatures
  const fresh = signatures.filter((one) => !known.some(({ name, id }) => name === one.name && id === one.id))
  return fresh.reduce((signed, signature) => addSignature(signed, signature), note).slice(note.length)
}
