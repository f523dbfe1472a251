export type { Continuation, LogOrigin, WitnessClaim } from './continuation.ts'
export { AuditError, type AuditErrorCode } from './errors.ts'
export {
  type ExportStatus,
  type Exports,
  exportSections,
  openExports,
} from './export/index.ts'
export { fileSource } from './file-source.ts'
export type { Forgotten, RetentionRules } from './forget.ts'
export { type Log, type LogMeter, type LogOptions, type LogStatus, openLog } from './log.ts'
export type { LogKeys, SigningPair } from './log-keys.ts'
export { type FetchBytes, type FoundCheckpoint, type LogSource, remoteSource } from './log-source.ts'
export type { Problem } from './problems.ts'
export { logSections, openPublication, type Publication } from './publication.ts'
export {
  type DecidedQuestion,
  type DecisionBody,
  type DecisionReason,
  type DecisionRecord,
  type ErasedRecord,
  isKind,
  type JsonObject,
  type NewRecord,
  type OtherRecord,
  type OutcomeBody,
  type OutcomeOfDecision,
  type OutcomeRecord,
  RECORD_KINDS,
  type ReadableRecord,
  type RecordedVerdict,
  type RecordKind,
  type ResourceRef,
  type StoredRecord,
} from './record.ts'
export { type ProvenRecord, verifyRecordReceipt } from './record-receipt.ts'
export { bodySchemas } from './record-schema.ts'
export { type DeclaredRetention, declareRetention, retentionSections, storedRetention } from './retention.ts'
export { type LogScan, type LogSpan, type ScannedRecord, type ScanOptions, scanLog } from './scan.ts'
export type { RecordFilter, SearchPage } from './search.ts'
export type { RecordListener } from './tail.ts'
export { fileTombstones, type Tombstones } from './tombstones.ts'
export { type ContinuedLog, type VerifyOptions, type VerifyReport, verifyLog } from './verify.ts'
