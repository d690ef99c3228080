import { LIMIT_NAMES, limitOverridesSchema } from '@millrace/contracts';
import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { ROLES } from '../api-keys.ts';
import {
  createKeySchema,
  createTokenSchema,
  credentialIdSchema,
  tenantSchema,
  tokenQuerySchema,
} from './access-requests.ts';
import { KeysController } from './keys.controller.ts';
import { operationOf } from './openapi/access.ts';
import { everyAnswer, json, problems } from './openapi/responses.ts';
import { TenantsController } from './tenants.controller.ts';
import { TokensController } from './tokens.controller.ts';

const path = z.object({ id: credentialIdSchema });
const tags = ['access'];
const refusedBody = ['INVALID_REQUEST', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;
const time = z.iso.datetime();

const key = z
  .object({
    id: credentialIdSchema,
    tenant: z.string(),
    role: z.enum(ROLES),
    name: z.string().nullable(),
    createdAt: time,
    expiresAt: time.nullable(),
    lastUsedAt: time.nullable().describe('Within ten seconds.'),
  })
  .meta({ id: 'Key' });

const token = z
  .object({ token: z.string().describe('Begins with `mrt_`.'), expiresAt: time, id: credentialIdSchema })
  .meta({ id: 'Token' });

const perLimit = <T extends z.ZodType>(value: T) =>
  z.object(Object.fromEntries(LIMIT_NAMES.map((name) => [name, value])));
const tenantUse = z
  .object({
    limits: perLimit(z.number().int().nullable()).describe('What it may use; null: no limit.'),
    use: perLimit(z.number().int().nonnegative()).describe('What it uses now; streams: on the node that answers.'),
  })
  .meta({ id: 'TenantUse' });

/** The paths of keys, tokens and tenants. */
export const accessPaths: ZodOpenApiPathsObject = {
  '/tokens': {
    post: operationOf(TokensController, 'create', {
      operationId: 'createToken',
      tags,
      summary: 'Make a token for a browser',
      description:
        'For certain jobs and threads, rights, and a time. It is sent like a key, or as `?access_token=` on `GET …/stream` alone.',
      requestParams: { query: tokenQuerySchema },
      requestBody: { content: { 'application/json': { schema: createTokenSchema } } },
      responses: { 201: json('The token, which is shown once.', token), ...problems(...refusedBody) },
    }),
  },
  '/tokens/{id}': {
    delete: operationOf(TokensController, 'revoke', {
      operationId: 'revokeToken',
      tags,
      summary: 'Revoke a token',
      description: 'It holds on no node after 2 s, and the streams that it opened end. Also if there is none.',
      requestParams: { path, query: tokenQuerySchema },
      responses: {
        204: { description: 'It is revoked.', headers: z.object(everyAnswer) },
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/tenants/{tenant}/limits': {
    get: operationOf(TenantsController, 'limits', {
      operationId: 'getLimits',
      tags,
      summary: 'Read what a tenant may use, and what it uses',
      description: 'A manager reads the own tenant’s, an admin those of all.',
      requestParams: { path: z.object({ tenant: tenantSchema }) },
      responses: { 200: json('Limits and use.', tenantUse), ...problems('INVALID_REQUEST') },
    }),
    put: operationOf(TenantsController, 'setLimits', {
      operationId: 'setLimits',
      tags,
      summary: 'Set what a tenant may use',
      description:
        'Replaces what was set before. A limit that is absent is as the settings say; null lifts it. Holds on all nodes within 5 s. Whatever a tenant uses beyond a lower limit may go on.',
      requestParams: { path: z.object({ tenant: tenantSchema }) },
      requestBody: { content: { 'application/json': { schema: limitOverridesSchema } } },
      responses: { 200: json('Limits and use.', tenantUse), ...problems(...refusedBody) },
    }),
  },
  '/tenants/{tenant}/data': {
    delete: operationOf(TenantsController, 'erase', {
      operationId: 'eraseTenant',
      tags,
      summary: 'Erase the data of a tenant',
      description: 'Its threads, jobs and memory; what runs is cancelled first. Its keys stay. May be repeated.',
      requestParams: { path: z.object({ tenant: tenantSchema }) },
      responses: {
        204: { description: 'It is erased.', headers: z.object(everyAnswer) },
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
  '/keys': {
    post: operationOf(KeysController, 'create', {
      operationId: 'createKey',
      tags,
      summary: 'Make a key',
      requestBody: { content: { 'application/json': { schema: createKeySchema } } },
      responses: {
        201: json(
          'The key, whose text is shown once.',
          key.extend({ key: z.string().describe('Begins with `mrk_`.') }),
        ),
        ...problems(...refusedBody),
      },
    }),
    get: operationOf(KeysController, 'list', {
      operationId: 'listKeys',
      tags,
      summary: 'List the keys that were made at run time',
      responses: { 200: json('The keys, newest first.', z.object({ items: z.array(key), nextCursor: z.null() })) },
    }),
  },
  '/keys/{id}': {
    delete: operationOf(KeysController, 'delete', {
      operationId: 'deleteKey',
      tags,
      summary: 'Delete a key',
      description:
        'It holds on no node after 2 s, and the streams that it opened end. An unknown one: 404 `INVALID_REQUEST`.',
      requestParams: { path },
      responses: {
        204: { description: 'It is gone.', headers: z.object(everyAnswer) },
        ...problems('INVALID_REQUEST'),
      },
    }),
  },
};
