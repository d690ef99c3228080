import type { KeySpace } from '../redis/keys.ts';
import { publishCommand, type RedisConnection, type RunScript, scriptsOf } from '../redis/scripts.ts';
import type { LogLimits } from './record.ts';

/** What the scripts that change a job need. */
export interface JobScripts {
  readonly run: RunScript;
  /** the command that wakes subscribers */
  readonly publish: 'PUBLISH' | 'SPUBLISH';
  readonly keys: KeySpace;
  readonly limits: LogLimits;
}

/** Defines the scripts on a connection. */
export function jobScripts(redis: RedisConnection, keys: KeySpace, limits: LogLimits): JobScripts {
  return { run: scriptsOf(redis), publish: publishCommand(redis), keys, limits };
}
