export { type Demo, type DemoSummary, openDemo } from './demo.ts'
