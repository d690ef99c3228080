import type { Type } from '@nestjs/common';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { accessOf } from '../../auth/access.ts';
import { UNCOUNTED } from '../../auth/permissions.ts';
import { refusals, tooManyRequests } from './responses.ts';

/** Adds to an operation what follows from the access that its route declares: the permission, and the refusals. */
export function operationOf<C>(
  controller: Type<C>,
  handler: keyof C & string,
  operation: ZodOpenApiOperationObject,
): ZodOpenApiOperationObject {
  const access = accessOf(controller, controller.prototype[handler]);
  if (access === 'public') return { ...operation, security: [] };
  return {
    ...operation,
    security: [{ apiKey: [access] }, { apiKeyHeader: [access] }],
    responses: { ...(UNCOUNTED.has(access) ? {} : tooManyRequests()), ...operation.responses, ...refusals() },
  };
}
