export { createWorker, type RunningWorker } from './create-worker.ts';
export { PipelineModuleError } from './pipelines/load-modules.ts';
export { DuplicatePipeline } from './pipelines/registry.ts';
export { type WorkerSettings, workerSettingsSchema } from './settings.ts';
