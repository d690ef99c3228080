import type { Shards } from '@millrace/stream-log';
import { Inject, Injectable } from '@nestjs/common';
import { SHARDS } from '../../tokens.ts';
import { joinedUnlistedJobs } from './joined-unlisted-jobs.ts';
import { UnlistedJobs } from './unlisted-jobs.ts';

/** What each shard's sweep is to look at beside the lists. */
@Injectable()
export class Unlisted {
  /** one for each shard */
  readonly parts: readonly UnlistedJobs[];
  /** of all shards */
  readonly joined: UnlistedJobs;

  constructor(@Inject(SHARDS) shards: Shards) {
    this.parts = shards.indexes.map(() => new UnlistedJobs());
    this.joined = joinedUnlistedJobs(this.parts, shards);
  }
}
