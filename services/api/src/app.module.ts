import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { authModule } from './auth/auth.module.ts';
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

export function appModule(context: ProcessContext): DynamicModule {
  return { module: ApiModule, imports: [PortsModule.of(context), authModule(context.authenticator)] };
}
