export * from './checkpoints/ports.ts';
export * from './thread-keys.ts';
