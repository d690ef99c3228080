/** Injection tokens for providers without a class of their own. */
export const SETTINGS = Symbol('WorkerSettings');
/** the id of this worker, another one after a restart */
export const WORKER_ID = Symbol('WorkerId');
export const LOGGER = Symbol('Logger');
/** the connections to each shard, in the order of their numbers */
export const SHARD_LINKS = Symbol('ShardLink[]');
/** what each shard has, in the order of their numbers; one unless the settings name several */
export const WORKER_SHARDS = Symbol('WorkerShard[]');
/** JobArchive of @millrace/archive; null: ended jobs are not kept */
export const ARCHIVE = Symbol('JobArchive');
/** what writes ended jobs to it; empty without an archive */
export const ARCHIVE_WRITERS = Symbol('ArchiveWriter[]');
/** hooks around every attempt */
export const ATTEMPT_HOOKS = Symbol('AttemptHook[]');
/** what keeps the state of agents */
export const SAVERS = Symbol('Savers');
