import { Body, Controller, Delete, Header, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Requires } from '../auth/access.ts';
import { AuditLog } from '../auth/audit-log.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { seesAllTenants } from '../auth/listed-tenant.ts';
import { Tokens } from '../credentials/tokens.ts';
import { Forbidden } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { createTokenSchema, credentialIdSchema, tokenQuerySchema } from './access-requests.ts';

/** Tokens for browsers: for certain jobs and threads, certain rights, and a time. @see PROTOCOL.md §11 */
@Controller('tokens')
export class TokensController {
  constructor(
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  @Post()
  @Requires('tokens:manage')
  @Header('Cache-Control', 'no-store')
  async create(
    @Body(new ZodPipe(createTokenSchema)) body: z.output<typeof createTokenSchema>,
    @Query(new ZodPipe(tokenQuerySchema)) query: z.output<typeof tokenQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<{ token: string; expiresAt: string; id: string }> {
    const tenant = tenantOf(query, caller);
    const { id, token, expiresAt } = await this.tokens.issue({ tenant, ...body });
    const details = { may: body.may.join(), expiresInSeconds: body.expiresInSeconds };
    this.audit.record(caller, { action: 'token.create', tenant, target: id, details });
    return { token, expiresAt: new Date(expiresAt).toISOString(), id };
  }

  /** Answers alike whether there is such a token, as nothing is kept of one. */
  @Delete(':id')
  @HttpCode(204)
  @Requires('tokens:manage')
  async revoke(
    @Param('id', new ZodPipe(credentialIdSchema)) id: string,
    @Query(new ZodPipe(tokenQuerySchema)) query: z.output<typeof tokenQuerySchema>,
    @TheCaller() caller: Caller,
  ): Promise<void> {
    const tenant = tenantOf(query, caller);
    await this.tokens.revoke(tenant, id);
    this.audit.record(caller, { action: 'token.revoke', tenant, target: id });
  }
}

/** @throws Forbidden it is another tenant's, and the caller no admin */
function tenantOf({ tenant }: z.output<typeof tokenQuerySchema>, caller: Caller): string {
  const isForeign = tenant !== undefined && tenant !== caller.tenant;
  if (isForeign && !seesAllTenants(caller)) throw new Forbidden('tenants:all');
  return tenant ?? caller.tenant;
}
