import { setTimeout as sleep } from 'node:timers/promises'
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
  /** How many of them have to cosign a checkpoint before it counts as witnessed; 1 where left out. */
  readonly quorum?: number
  /** Called when a witness stops answering or refuses, and not again until it has cosigned. */
  readonly report: (what: string, url: string) => void
  /** Milliseconds between two checkpoints that are shown to witnesses. */
  readonly every?: number
}

export interface Witnessing {
  /** How many witnesses there are, how many answered when they were asked last, and what the quorum has cosigned. */
  status(): { readonly witnesses: number; readonly answering: number; readonly size: number }
  close(): Promise<void>
}

/**
 * Shows each new checkpoint to the witnesses, at most once a second, and keeps it once enough of them have cosigned.
 * No append waits for it: what they have not seen yet is unwitnessed. Resolves when each of them was asked for the
 * first time, or after two seconds: one that has cosigned what this log does not lead to closes the log, because it was
 * restored. Later on such an answer is only reported, so that a witness can't stop a log that it has known.
 */
export async function keepWitnessed(deps: WitnessingDeps): Promise<Witnessing> {
  const { log, witnesses, quorum = 1, report, every = 1000 } = deps
  if (witnesses.length === 0) return { status: () => ({ witnesses: 0, answering: 0, size: 0 }), close: async () => {} }
  const asked = witnesses.map((witness) => ({ witness, old: 0, failures: 0, notBefore: 0, done: -1, lines: '' }))
  const met = new Set<Witness>()
  const stop = new AbortController()
  let running: Promise<void> | undefined
  let witnessed = 0

  const askOne = async (one: (typeof asked)[number], note: string, size: number): Promise<void> => {
    if (one.done === size || performance.now() < one.notBefore) return
    try {
      const { lines, old } = await addCheckpoint(log, one.witness, note, one.old, stop.signal)
      met.add(one.witness)
      Object.assign(one, { old, done: size, failures: 0, lines })
    } catch (error) {
      if (stop.signal.aborted) return
      const { witness } = one
      if (error instanceof OtherHistory && !met.has(witness)) log.contradicted({ url: witness.url, size: error.size })
      if (one.failures === 0) report(errorText(error), witness.url)
      one.failures++
      one.notBefore = performance.now() + Math.min(every * 2 ** one.failures, MAX_PAUSE)
    }
  }
  const round = async (): Promise<void> => {
    const note = bareCheckpoint(await log.checkpoint(), witnesses)
    const { size } = parseCheckpoint(note)
    await Promise.all(asked.map((one) => askOne(one, note, size)))
    const cosigned = asked.filter((one) => one.done === size)
    if (cosigned.length < quorum) return
    const full = note + cosigned.map(({ lines }) => lines).join('')
    if (full !== (await log.witnessed())) await log.keepWitnessed(full)
    witnessed = size
  }
  const start = (): Promise<void> => {
    // A log that can't be read now is the log's to report; the next round asks again.
    running ??= round()
      .catch(() => {})
      .finally(() => {
        running = undefined
      })
    return running
  }
  await Promise.race([start(), sleep(FIRST_LOOK, undefined, { ref: false })])
  const timer = setInterval(start, every).unref()

  return {
    status: () => ({
      witnesses: witnesses.length,
      answering: asked.filter(({ witness, failures }) => met.has(witness) && failures === 0).length,
      size: witnessed,
    }),
    async close() {
      clearInterval(timer)
      stop.abort()
      await running
    },
  }
}

/** A witness has cosigned what our log does not lead to. */
class OtherHistory extends Error {
  readonly size: number
  constructor(size: number, what: string) {
    super(what)
    this.size = size
  }
}

interface Cosigned {
  /** signature lines, verified */
  readonly lines: string
  /** what the witness has cosigned last, which the next request starts from */
  readonly old: number
}

const FIRST_LOOK = 2_000
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
    const seen = Number(known)
    if (seen > size) {
      throw new OtherHistory(
        seen,
        `the witness has seen ${known} records and the log has signed ${size}: was it restored?`,
      )
    }
    if (seen === old) throw new OtherHistory(seen, `the witness has cosigned another log of ${old} records`)
    answer = await ask(seen)
    // Our proof from that size is sound: it is the tree there that is another one.
    if (answer.status === 422 || answer.status === 409) {
      throw new OtherHistory(seen, `the witness has cosigned another log of ${seen} records`)
    }
  }
  if (answer.status !== 200) {
    throw new Error(`the witness answered ${answer.status}: ${answer.text.slice(0, 200).trim()}`)
  }
  return { lines: verifiedLines(note, answer.text, witness.verifiers), old: size }
}

/** The checkpoint with our own signatures alone, so that each witness signs what it is shown by us. */
function bareCheckpoint(note: string, witnesses: readonly Witness[]): string {
  const { text, signatures } = parseCheckpoint(note).note
  const lines = note.slice(text.length + 1, -1).split('\n')
  const isTheirs = ({ name, id }: { readonly name: string; readonly id: number }) =>
    witnesses.some(({ verifiers }) => verifiers.some((one) => one.name === name && one.id === id))
  const own = lines.filter((_, i) => signatures[i] !== undefined && !isTheirs(signatures[i]))
  return `${text}\n${own.map((line) => `${line}\n`).join('')}`
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
