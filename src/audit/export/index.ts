export { exportSections } from './export-sections.ts'
export { type ExportStatus, type Exports, openExports } from './open-exports.ts'
