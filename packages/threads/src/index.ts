export * from './thread-keys.ts';
