import { Body, Controller, Delete, Get, Header, HttpCode, Inject, Param, Post } from '@nestjs/common';
import type { z } from 'zod';
import type { Role } from '../api-keys.ts';
import { Requires } from '../auth/access.ts';
import { AuditLog } from '../auth/audit-log.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { CredentialDirectory, type IssuedKey } from '../credentials/credential-directory.ts';
import { IssuedKeys } from '../credentials/issued-keys.ts';
import { KeyNotFound } from '../http/problem.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { createKeySchema, credentialIdSchema } from './access-requests.ts';

/** A key without its secret. Times: ISO 8601. */
export interface KeyView {
  readonly id: string;
  readonly tenant: string;
  readonly role: Role;
  readonly name: string | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

/** Keys that are made at run time. @see PROTOCOL.md §11 */
@Controller('keys')
export class KeysController {
  constructor(
    @Inject(IssuedKeys) private readonly issuedKeys: IssuedKeys,
    @Inject(CredentialDirectory) private readonly directory: CredentialDirectory,
    @Inject(AuditLog) private readonly audit: AuditLog,
  ) {}

  /** The answer is the only place where the key itself ever stands. */
  @Post()
  @Requires('keys:manage')
  @Header('Cache-Control', 'no-store')
  async create(
    @Body(new ZodPipe(createKeySchema)) body: z.output<typeof createKeySchema>,
    @TheCaller() caller: Caller,
  ): Promise<KeyView & { key: string }> {
    const { tenant, role, name = null, expiresInSeconds = null } = body;
    const { key, secret } = await this.issuedKeys.issue({ tenant, role, name, expiresInSeconds });
    this.audit.record(caller, { action: 'key.create', tenant, target: key.id, details: { role } });
    return { ...viewOf({ ...key, lastUsedAt: null }), key: secret };
  }

  @Get()
  @Requires('keys:manage')
  async list(): Promise<{ items: KeyView[]; nextCursor: null }> {
    const keys = await this.directory.listKeys();
    return { items: keys.map(viewOf), nextCursor: null };
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('keys:manage')
  async delete(@Param('id', new ZodPipe(credentialIdSchema)) id: string, @TheCaller() caller: Caller): Promise<void> {
    const key = await this.directory.removeKey(id);
    if (key === null) throw new KeyNotFound();
    this.audit.record(caller, { action: 'key.delete', tenant: key.tenant, target: id });
  }
}

function viewOf({ id, tenant, role, name, ...times }: IssuedKey & { readonly lastUsedAt: number | null }): KeyView {
  return {
    ...{ id, tenant, role, name },
    createdAt: isoOf(times.createdAt),
    expiresAt: times.expiresAt === null ? null : isoOf(times.expiresAt),
    lastUsedAt: times.lastUsedAt === null ? null : isoOf(times.lastUsedAt),
  };
}

const isoOf = (ms: number) => new Date(ms).toISOString();
