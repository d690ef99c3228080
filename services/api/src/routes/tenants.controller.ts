import { type LimitOverrides, limitOverridesSchema } from '@millrace/contracts';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Put } from '@nestjs/common';
import { Requires } from '../auth/access.ts';
import { type Caller, TheCaller } from '../auth/caller.ts';
import { ZodPipe } from '../http/zod-pipe.ts';
import { LimitTenant, type TenantUse } from '../quota/limit-tenant.ts';
import { EraseTenant } from '../threads/erase-tenant.ts';
import { tenantSchema } from './access-requests.ts';

/** What concerns a whole tenant. @see PROTOCOL.md §11 */
@Controller('tenants')
export class TenantsController {
  constructor(
    @Inject(EraseTenant) private readonly eraseTenant: EraseTenant,
    @Inject(LimitTenant) private readonly limitTenant: LimitTenant,
  ) {}

  @Get(':tenant/limits')
  @Requires('limits:read')
  limits(@Param('tenant', new ZodPipe(tenantSchema)) tenant: string, @TheCaller() caller: Caller): Promise<TenantUse> {
    return this.limitTenant.show(tenant, caller);
  }

  @Put(':tenant/limits')
  @Requires('limits:set')
  setLimits(
    @Param('tenant', new ZodPipe(tenantSchema)) tenant: string,
    @Body(new ZodPipe(limitOverridesSchema)) overrides: LimitOverrides,
    @TheCaller() caller: Caller,
  ): Promise<TenantUse> {
    return this.limitTenant.set(tenant, overrides, caller);
  }

  @Delete(':tenant/data')
  @HttpCode(204)
  @Requires('tenants:erase')
  erase(@Param('tenant', new ZodPipe(tenantSchema)) tenant: string, @TheCaller() caller: Caller): Promise<void> {
    return this.eraseTenant.run(tenant, caller);
  }
}
