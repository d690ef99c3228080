export { openJoinedSavers } from './checkpoints/joined-savers.ts';
export * from './checkpoints/savers.ts';
