export { type ConstantShape, constantShape, shapeText } from './constant-shape.ts'
export {
  describeSchema,
  type SchemaAction,
  type SchemaDescription,
  type SchemaEntity,
  type SchemaField,
  type SchemaRecord,
} from './describe-schema.ts'
export {
  type CompileInput,
  compile,
  compileSteps,
  type Engine,
  type EngineChange,
  type OnError,
  validate,
} from './engine.ts'
export { Entities, type EntityChange } from './entities.ts'
export { type EntityCondition, entityCondition } from './entity-condition.ts'
export { type EntityJson, jsonOf, type UidJson, type ValueJson } from './entity-json.ts'
export { CedarError, type CedarErrorCode, type Problem, problemText } from './errors.ts'
export { type ExactJson, parseJson } from './exact-json.ts'
export type { ExplainedCondition, ExplainedPolicy, Explanation } from './explain.ts'
export { extendSchema, type SchemaExtension } from './extend-schema.ts'
export { type Filter, type FilterRequest, type PolicyCondition, resourceIn } from './filter.ts'
export { allOf, anyOf, type FilterCondition, not } from './filter-condition.ts'
export type { FilterTree } from './filter-tree.ts'
export { format } from './format.ts'
export type { CanShadow, LintFinding, LintRule } from './lint.ts'
export { type Mutant, mutantsOf } from './mutants.ts'
export { PersistentMap } from './persistent-map.ts'
export type { Only, PolicyInfo, PolicySource, TemplateLink } from './policy.ts'
export type { AskedValue, PolicyAsks, TriedValue } from './policy-asks.ts'
export { type MouldPlace, type MouldValue, type PolicyMould, readMoulds } from './policy-mould.ts'
export type { PolicyReads } from './reads.ts'
export { renameInPolicies } from './rename-policies.ts'
export { type Rewrite, type RewriteProblem, renameInSchema } from './rename-schema.ts'
export {
  type ActionPart,
  localName,
  partUnknown,
  type Renames,
  type RolePart,
  type TypeSplit,
  typeAfter,
  typesAfter,
} from './renames.ts'
export type { AccessRequest, PolicyDecision, PolicyError } from './request.ts'
export type { Column, ColumnMapping, ColumnType, ResourceMapping, Scalar, ScalarType } from './resource-mapping.ts'
export { outlineSchema, type SchemaOutline } from './schema-outline.ts'
export type { SearchPage, SearchRequest } from './search.ts'
export type { SourcePosition } from './source-position.ts'
export type { Sql, SqlOptions } from './sql.ts'
export { finish, type Steps } from './steps.ts'
export { applyEdits, invertEdits, orderedEdits, type TextEdit } from './text-edit.ts'
export type { PolicyTrace, TracedCondition, TraceOutcome, Tracer } from './tracer.ts'
export type { Uid } from './uid.ts'
export { problemsIn } from './validate.ts'
export { type NewCondition, type NewPolicy, policyText } from './write-policy.ts'
