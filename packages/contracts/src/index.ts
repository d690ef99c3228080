export * from './error-code.ts';
export * from './event-id.ts';
export * from './job.ts';
export * from './job-ref.ts';
export * from './model-name.ts';
export * from './model-settings.ts';
export * from './request-id.ts';
export * from './stream-event.ts';
