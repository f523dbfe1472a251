export type { ColumnMapping } from '../cedar/index.ts'
export { type Access, type Candidate, openAccess } from './access.ts'
export type { Advice } from './advice.ts'
export type { Amounts, Price } from './amounts.ts'
export { APPROVAL_STATES, type Approval, type ApprovalContents, type ApprovalState } from './approvals/approval.ts'
export { type Approvals, openApprovals } from './approvals/approvals.ts'
export { type Complexity, complexityOf } from './complexity/complexity.ts'
export { type Differences, differencesOf } from './complexity/drift.ts'
export { type Measured, measuredOf } from './complexity/statements.ts'
export { AccessError, type AccessErrorCode } from './errors.ts'
export type { Explanation } from './explain.ts'
export { SCOPES } from './facts.ts'
export type { FilterQuestion } from './filter.ts'
export type { Foundation } from './foundation.ts'
export { differencesTo } from './history/agreement.ts'
export {
  type RecordedDecision,
  type RecordedVerdict,
  type RecordToRead,
  recordedDecisions,
  UNREPLAYABLE,
  type Unread,
  type Unreplayable,
  WHY_UNREPLAYABLE,
} from './history/recorded-decision.ts'
export { contextChanges, personsStated, type RecordedInputs } from './history/recorded-inputs.ts'
export type { Replayed } from './history/replay-decision.ts'
export { createReplayer, type PolicyWhole, type Replayer } from './history/replayer.ts'
export { type Disagreement, type SelfReplay, selfReplay } from './history/self-replay.ts'
export { openWorldJournal, type WorldJournal } from './history/world-journal.ts'
export { type KeptChange, WorldTimeline } from './history/world-timeline.ts'
export type { Layer, PackUse, PolicyFile } from './layers.ts'
export { type Holds, openHolds } from './limits/holds.ts'
export { openLedger } from './limits/ledger.ts'
export type { LimitMeter, UsedShare } from './limits/limits.ts'
export { openRates } from './limits/rates.ts'
export type { ListBook } from './lists/list-book.ts'
export { type ListEntry, resourceNamed, targetText } from './lists/list-entry.ts'
export { type DeclaredEntry, declaredEntries, listEntryBody, listSections } from './lists/list-manifest.ts'
export { feedSource, type ListChange, type Lists, openLists, type WantedEntry } from './lists/lists.ts'
export type { Hours } from './local-time.ts'
export {
  type DeclaredPolicy,
  packUse,
  policyFileOf,
  policySections,
  schemaFileOf,
  schemaSections,
} from './manifest.ts'
export {
  draftMigration,
  type FolderTexts,
  type MigratedFile,
  type MigrationDraft,
} from './migrate/draft-migration.ts'
export { type MigrationPlan, parsePlan } from './migrate/plan.ts'
export { type MigrationChange, type MigrationProof, proveMigration } from './migrate/prove-migration.ts'
export { parseUndo, type UndoFile, undoText } from './migrate/undo.ts'
export {
  GATES,
  type Gate,
  LAYER_KINDS,
  type Mode,
  type ModeTarget,
  modeTargetText,
  parseModeTarget,
} from './modes/mode-target.ts'
export { type ModeSet, type Modes, openModes } from './modes/modes.ts'
export { type FailureGroup, modesAfter, previewSwitch, type SwitchPreview } from './modes/switch-preview.ts'
export { expandPack, type PackProblem } from './packs/expand-pack.ts'
export { packSection, withPack } from './packs/manifest-edit.ts'
export { PACK_FILES, type Pack, type PackLayer, type PackSource, readPack } from './packs/pack.ts'
export { type DeclaredPack, packInstanceSections } from './packs/pack-manifest.ts'
export {
  compareVersions,
  expandPacks,
  expandPacksUnhurried,
  type PackShelf,
  type PlacedPacks,
  packShelf,
} from './packs/pack-shelf.ts'
export { type PackInForce, packsInForce } from './packs/packs-in-force.ts'
export type { Parameter } from './packs/parameter.ts'
export type { StatementChange } from './packs/statement-changes.ts'
export {
  boundsOf as parameterBounds,
  type GivenValue,
  type PackUpgrade,
  type ParameterChange,
  planUpgrade,
} from './packs/upgrade.ts'
export type { CallFacts, Decision, EntityRef, Observed, PolicyFault, Question, Reason } from './question.ts'
export { changesUnder } from './replay/changes-under.ts'
export { Comparison } from './replay/comparison.ts'
export { replayPage } from './replay/page.ts'
export type { ReplayReport } from './replay/report.ts'
export { type AccessRequest, REQUEST_STATES, type RequestState } from './requests/access-request.ts'
export { type Binding, createBinding } from './requests/binding-token.ts'
export type { Offer } from './requests/grantable.ts'
export { type AccessRequests, openAccessRequests, type RequestAction } from './requests/requests.ts'
export type { Reserved, Taken, Taker } from './reserve.ts'
export { type DeclaredResources, resourceEntities, resourceSections } from './resource-manifest.ts'
export { revisionAddress, shortAddress, type TestFile } from './revisions/address.ts'
export { layerKey, parseLayerKey } from './revisions/layer-key.ts'
export { activationSections, type DeclaredActivation, requireEvidence } from './revisions/required-evidence.ts'
export {
  type Activation,
  type Active,
  type Asked,
  type Evidence,
  REVISION_STATES,
  type Revision,
  type RevisionFiles,
  type RevisionState,
  type Whole,
} from './revisions/revision.ts'
export { type DecidedRevision, revisionQuestion } from './revisions/revision-question.ts'
export { openRevisions, type Pushed, type Revisions } from './revisions/revisions.ts'
export { type Setting, settingFile, settingOf } from './revisions/setting.ts'
export type { RoleGrant, Roles } from './roles.ts'
export { type SchemaInForce, schemaInForce } from './schema-in-force.ts'
export { schemaReference } from './schema-reference.ts'
export type { SearchPage, SearchQuestion } from './search.ts'
export { type CursorPlace, type CursorSealer, openCursor, sealCursor } from './search-cursor.ts'
export { titlesIn } from './shadow/running-shadow.ts'
export {
  type FoundRecord,
  openShadows,
  type ShadowLog,
  type ShadowStatus,
  type Shadows,
  type WantedRecord,
} from './shadow/shadows.ts'
export type { SuggestedStatement } from './suggest/policy-file.ts'
export type { Caution } from './suggest/set-aside.ts'
export { type Suggestion, type SuggestOptions, type SuggestWorld, suggestPolicies } from './suggest/suggest.ts'
export type { TakeAway } from './suggest/take-away.ts'
export type { Observed as ObservedDecision } from './suggest/tally.ts'
export { type PolicyCase, parseCases } from './trial/case-file.ts'
export { type CheckRule, checkPolicies, type PolicyFinding } from './trial/check-policies.ts'
export type { Coverage, Gap } from './trial/coverage.ts'
export { type DiffGroup, type DiffOptions, type DiffPart, diffTrials, type PolicyDiff } from './trial/diff.ts'
export { type MutantResult, tryMutants } from './trial/mutation.ts'
export { type CaseResult, openTrial, type Trial, type TrialWorld } from './trial/trial.ts'
export type { Vocabulary } from './vocabulary.ts'
export type { Possibilities, Possibility } from './who-can.ts'
export { isPermitted, mayGoOn, type Verdict, verdictOf, verdictOfAll } from './withheld.ts'
