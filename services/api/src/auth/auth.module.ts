import { type DynamicModule, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { HealthModule } from '../health/health.module.ts';
import type { ApiSettings } from '../settings.ts';
import { AUTHENTICATOR, SETTINGS } from '../tokens.ts';
import { AccessGuard } from './access.guard.ts';
import { AnonymousAuthenticator, ApiKeyAuthenticator } from './api-key-authenticator.ts';
import { AuthFailures } from './auth-failures.ts';
import type { Authenticator } from './authenticator.ts';

/** Who calls, and what they may do. */
@Module({})
class AuthModule {}

/** @param authenticator replaces the one that the settings choose */
export function authModule(authenticator: Authenticator | undefined): DynamicModule {
  return {
    module: AuthModule,
    imports: [HealthModule],
    providers: [
      AuthFailures,
      {
        provide: AUTHENTICATOR,
        inject: [SETTINGS, AuthFailures],
        useFactory: (settings: ApiSettings, failures: AuthFailures) => authenticator ?? chosen(settings, failures),
      },
      { provide: APP_GUARD, useClass: AccessGuard },
    ],
    exports: [AUTHENTICATOR],
  };
}

function chosen(settings: ApiSettings, failures: AuthFailures): Authenticator {
  return settings.MILLRACE_AUTH === 'apikey'
    ? new ApiKeyAuthenticator(settings.MILLRACE_API_KEYS, failures)
    : new AnonymousAuthenticator();
}
