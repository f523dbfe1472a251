export { type Config, type ConfigOverrides, isLoopback, loadConfig } from './config.ts'
export { ServerError, type ServerErrorCode } from './errors.ts'
export { type RunningSallyport, type Summary, startSallyport } from './start.ts'
