/** Injection tokens for providers without a class of their own. */
export const SETTINGS = Symbol('WorkerSettings');
/** the id of this worker, another one after a restart */
export const WORKER_ID = Symbol('WorkerId');
export const LOGGER = Symbol('Logger');
/** opens every Redis connection of the process */
export const REDIS = Symbol('RedisFactory');
/** JobArchive of @millrace/archive; null: ended jobs are not kept */
export const ARCHIVE = Symbol('JobArchive');
/** ArchivedJobs of @millrace/archive; null: there is no archive */
export const ARCHIVED_JOBS = Symbol('ArchivedJobs');
/** the connection for commands */
export const COMMANDS = Symbol('RedisConnection');
/** hooks around every attempt */
export const ATTEMPT_HOOKS = Symbol('AttemptHook[]');
/** the subscriber connection for cancels */
export const CONTROL_HUB = Symbol('ChannelHub');
/** what keeps the state of agents */
export const SAVERS = Symbol('Savers');
