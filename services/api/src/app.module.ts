import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AuthGuard } from './auth/auth.guard.ts';
import { AuthFailures } from './auth/auth-failures.ts';
import { Authenticator } from './auth/authenticator.ts';
import { HealthModule } from './health/health.module.ts';
import { ProblemFilter } from './http/problem.filter.ts';
import { type Outside, PortsModule } from './ports.module.ts';
import { RoutesModule } from './routes/routes.module.ts';

/** The whole API. */
@Module({
  imports: [HealthModule, RoutesModule],
  providers: [
    AuthFailures,
    Authenticator,
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
class ApiModule {}

/** @param outside what the process has: settings, logger, connections */
export function appModule(outside: Outside): DynamicModule {
  return { module: ApiModule, imports: [PortsModule.of(outside)] };
}
