import { Controller, Get, Inject, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { ReadUsage, type UsageItem } from '../jobs/read-usage.ts';
import { usageQuerySchema } from './usage-query.ts';

/** What tenants have used. @see PROTOCOL.md §11 */
@Controller('usage')
export class UsageController {
  constructor(@Inject(ReadUsage) private readonly readUsage: ReadUsage) {}

  @Get()
  @Requires('usage:read')
  async read(
    @Query(new ZodPipe(usageQuerySchema)) query: z.output<typeof usageQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<{ items: UsageItem[] }> {
    return { items: await this.readUsage.run({ ...query, caller }) };
  }
}
