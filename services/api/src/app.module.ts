import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { credentialsModule } from './credentials/credentials.module.ts';
import { HealthModule } from './health/health.module.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { PortsModule, type ProcessContext } from './ports.module.ts';
import { RoutesModule } from './routes/routes.module.ts';

/** The whole API. */
@Module({
  imports: [HealthModule, RoutesModule],
  providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
})
class ApiModule {}

/** @param modules further ones, with routes of their own */
export function appModule(context: ProcessContext, modules: readonly Type[]): DynamicModule {
  return {
    module: ApiModule,
    imports: [PortsModule.of(context), credentialsModule(context.authenticator), ...modules],
  };
}
