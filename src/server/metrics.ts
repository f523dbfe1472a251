import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Access, type LimitMeter, type Modes, verdictOf } from '../access/index.ts'
import type { Exports, Log, LogMeter } from '../audit/index.ts'
import type { GatewayOptions } from '../gateway/index.ts'
import type { Witnessing } from './witnesses.ts'

/** What is measured of one tenant. */
export interface Metrics {
  readonly meter: LogMeter
  readonly limits: LimitMeter
  readonly ended: NonNullable<GatewayOptions['ended']>
  /** The decision point, with the time that it takes. */
  measured(access: Access): Access
  /** From here on, what the log and the exports say of themselves is asked whenever somebody reads. */
  watch(
    log: Pick<Log, 'status'>,
    exports: Pick<Exports, 'list'>,
    witnessing: Pick<Witnessing, 'status'>,
    modes: Pick<Modes, 'list'>,
  ): void
  /** The text format of Prometheus. */
  text(): Promise<string>
  /** Every metric, for docs/reference/metrics.md. */
  described(): Promise<readonly { readonly name: string; readonly type: string; readonly help: string }[]>
}

/** Seconds; a decision takes microseconds, a commit milliseconds. */
const DECISION_SECONDS = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1]
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const BATCH_RECORDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/** A registry of its own for each tenant: nobody reads how busy another one is. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const appends = new Counter({ registers, name: 'sallyport_log_appends_total', help: 'Records made durable.' })
  const batch = new Histogram({
    registers,
    name: 'sallyport_log_batch_records',
    help: 'Records that shared one durable write.',
    buckets: BATCH_RECORDS,
  })
  const commit = new Histogram({
    registers,
    name: 'sallyport_log_commit_seconds',
    help: 'Time of one durable write.',
    buckets: COMMIT_SECONDS,
  })
  const decision = new Histogram({
    registers,
    name: 'sallyport_decision_seconds',
    help: 'Time of one decision, by its result.',
    labelNames: ['decision'],
    buckets: DECISION_SECONDS,
  })
  const requests = new Counter({
    registers,
    name: 'sallyport_gateway_requests_total',
    help: 'Requests that ended, by protocol and outcome.',
    labelNames: ['protocol', 'outcome'],
  })
  const reservations = new Counter({
    registers,
    name: 'sallyport_limit_reservations_total',
    help: 'Actions that were counted by a limit, by its id.',
    labelNames: ['limit'],
  })
  const refusals = new Counter({
    registers,
    name: 'sallyport_limit_refusals_total',
    help: 'Actions that a limit refused, by its id.',
    labelNames: ['limit'],
  })
  const gauges = gaugesOf(registers)
  // Looking a label up costs more than counting.
  const decided = {
    allow: decision.labels('allow'),
    deny: decision.labels('deny'),
    'observed-deny': decision.labels('observed-deny'),
  }
  let refresh = async (): Promise<void> => {}

  return {
    meter: {
      committed(records, ms) {
        appends.inc(records)
        batch.observe(records)
        commit.observe(ms / 1000)
      },
    },
    limits: {
      reserved: (limit) => reservations.inc({ limit }),
      refused: (limit) => refusals.inc({ limit }),
    },
    ended: (protocol, outcome) => requests.inc({ protocol, outcome }),
    measured: (access) => ({
      ...access,
      decide(ctx, question) {
        const started = performance.now()
        const answer = access.decide(ctx, question)
        decided[verdictOf(answer)].observe((performance.now() - started) / 1000)
        return answer
      },
    }),
    watch(log, exports, witnessing, modes) {
      refresh = async () => {
        setLog(gauges, log.status())
        const { answering, size } = witnessing.status()
        gauges.answering.set(answering)
        gauges.witnessed.set(size)
        gauges.observed.set(modes.list().filter(({ mode }) => mode === 'observe').length)
        setExports(gauges, await exports.list())
      }
    },
    async text() {
      await refresh()
      return registry.metrics()
    },
    async described() {
      const all = await registry.getMetricsAsJSON()
      return all.map(({ name, help, type }) => ({ name, help, type: String(type) }))
    },
  }
}

type Gauges = ReturnType<typeof gaugesOf>

function gaugesOf(registers: Registry[]) {
  const gauge = (name: string, help: string) => new Gauge({ registers, name, help })
  const perTarget = (name: string, help: string) => new Gauge({ registers, name, help, labelNames: ['target'] })
  return {
    queue: gauge('sallyport_log_queue_records', 'Records that wait to be written.'),
    size: gauge('sallyport_log_size_records', 'Records of the log.'),
    writable: gauge('sallyport_log_writable', '1 while the log can be written, else 0; at 0 every request is refused.'),
    answering: gauge('sallyport_log_witnesses_answering', 'Witnesses that cosigned when they were asked last.'),
    witnessed: gauge('sallyport_log_witnessed_records', 'Records that enough witnesses have cosigned since the start.'),
    observed: gauge('sallyport_modes_observed', 'Targets that stand in observe; above 0, something refuses nothing.'),
    lag: perTarget('sallyport_export_lag_records', 'Records that an export target is behind the log.'),
    lagSeconds: perTarget('sallyport_export_lag_seconds', 'Age of the oldest record that a target does not have.'),
    failing: perTarget('sallyport_export_failing', '1 while the last delivery to a target failed, else 0.'),
    refused: perTarget('sallyport_export_refused_records', 'Records that a target refused and that are set aside.'),
    failures: perTarget('sallyport_export_failures', 'Failed deliveries to a target since the process started.'),
  }
}

function setLog(gauges: Gauges, status: ReturnType<Log['status']>): void {
  gauges.queue.set(status.waiting)
  gauges.size.set(status.size)
  gauges.writable.set(status.writable ? 1 : 0)
}

function setExports(gauges: Gauges, targets: Awaited<ReturnType<Exports['list']>>): void {
  for (const { id: target, lag, lagSeconds, state, failed, refused } of targets) {
    gauges.refused.set({ target }, refused)
    gauges.lag.set({ target }, lag)
    gauges.lagSeconds.set({ target }, lagSeconds)
    gauges.failing.set({ target }, state === 'failing' ? 1 : 0)
    gauges.failures.set({ target }, failed)
  }
}
