export { createWorker, type RunningWorker } from './create-worker.ts';
export { type WorkerSettings, workerSettingsSchema } from './settings.ts';
