import { Controller, Delete, HttpCode, Inject, Param } from '@nestjs/common';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { EraseTenant } from '../threads/erase-tenant.ts';
import { tenantSchema } from './access-requests.ts';

/** What admins do with a whole tenant. @see PROTOCOL.md §11 */
@Controller('tenants')
export class TenantsController {
  constructor(@Inject(EraseTenant) private readonly eraseTenant: EraseTenant) {}

  @Delete(':tenant/data')
  @HttpCode(204)
  @Requires('tenants:erase')
  erase(@Param('tenant', new ZodPipe(tenantSchema)) tenant: string, @TheCaller() caller: Caller): Promise<void> {
    return this.eraseTenant.run(tenant, caller);
  }
}
