import { JsonLogsSerializer } from '@opentelemetry/otlp-transformer'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { Clock } from '../../kernel/index.ts'
import { AuditError } from '../errors.ts'
import type { Deliver, Departure, PartialRefusal } from './deliver.ts'
import type { GuardedPost } from './guarded-post.ts'

/**
 * Posts batches as OpenTelemetry logs (OTLP/HTTP, JSON). The SDK writes them; it does not send them, because its own
 * sender would follow the environment of the process and answer to nobody's guard.
 */
export function otlpLogs(options: {
  readonly post: GuardedPost
  readonly credential: readonly [header: string, value: string] | undefined
  readonly tenant: string
  readonly clock: Clock
}): Deliver {
  const { post, credential, clock } = options
  const resource = resourceFromAttributes({ 'service.name': 'sallyport', 'service.namespace': options.tenant })
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'sallyport',
    ...(credential === undefined ? {} : { [credential[0]]: credential[1] }),
  }
  return {
    async send(batch, signal) {
      const observed = clock.now()
      const body = JsonLogsSerializer.serializeRequest(batch.map((one) => logRecord(one, resource, observed)))
      if (body === undefined) throw new AuditError('export_failed', 'the records cannot be written as logs')
      return refusedOf(await post.post(headers, body, signal))
    },
    close: () => post.close(),
  }
}

function logRecord({ record, event }: Departure, resource: Resource, observed: number): ReadableLogRecord {
  return {
    hrTime: hrTime(record.at),
    hrTimeObserved: hrTime(observed),
    // A record knows its trace, not the span; an empty id says so.
    ...(record.erased ? {} : { spanContext: { traceId: record.trace, spanId: '', traceFlags: 0 } }),
    severityNumber: SEVERITIES[event.severity_id] ?? 9,
    severityText: SEVERITY_TEXTS[event.severity_id] ?? 'INFO',
    eventName: `sallyport.${record.kind}`,
    body: event,
    attributes: {
      'log.record.uid': `${event.metadata.uid}`,
      'sallyport.tenant': record.tenant,
      'sallyport.record': record.index,
      'sallyport.kind': record.kind,
      ...(record.erased ? {} : { 'sallyport.txn': record.txn }),
    },
    droppedAttributesCount: 0,
    resource,
    instrumentationScope: { name: 'sallyport.log' },
  }
}

// OCSF severity to OpenTelemetry severity number.
const SEVERITIES: Readonly<Record<number, number>> = { 1: 9, 2: 10, 3: 13, 4: 17, 5: 21, 6: 24 }
const SEVERITY_TEXTS: Readonly<Record<number, string>> = { 2: 'INFO2', 3: 'WARN', 4: 'ERROR', 5: 'FATAL', 6: 'FATAL4' }

function hrTime(ms: number): [number, number] {
  return [Math.floor(ms / 1000), (ms % 1000) * 1_000_000]
}

/** What the collector refused for good (OTLP 1.x, "Partial Success"): it must not be sent again. */
function refusedOf(answer: Buffer): { readonly refused?: PartialRefusal } {
  if (answer.length === 0) return {}
  let partial: { readonly rejectedLogRecords?: number } | undefined
  try {
    partial = JsonLogsSerializer.deserializeResponse(answer).partialSuccess
  } catch {
    return {} // a collector that answers 200 with something else has taken the batch all the same
  }
  const count = Number(partial?.rejectedLogRecords ?? 0)
  return count > 0 ? { refused: { count, reason: `the collector refused ${count} records` } } : {}
}
