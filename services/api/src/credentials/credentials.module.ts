import type { Logger } from '@millrace/runtime';
import type { KeySpace, Shards } from '@millrace/stream-log';
import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from '../auth/access.guard.ts';
import { type AuditEntry, AuditLog } from '../auth/audit-log.ts';
import { AuditTrail } from '../auth/audit-trail.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { joinedTrail } from '../auth/joined-trail.ts';
import { HealthModule } from '../health/health.module.ts';
import { type ApiSettings, needsCredentials } from '../settings.ts';
import type { ShardPorts } from '../shards/shard-ports.ts';
import { AUTHENTICATOR, KEYS, LOGGER, REVOCATIONS, SETTINGS, SHARD_PORTS, SHARDS } from '../tokens.ts';
import { AuthFailures } from './auth-failures.ts';
import { ConsoleSessions } from './console-sessions.ts';
import { AnonymousAuthenticator, CredentialAuthenticator } from './credential-authenticator.ts';
import { CredentialDirectory } from './credential-directory.ts';
import { IssuedKeys } from './issued-keys.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { JsonWebTokens } from './json-web-tokens.ts';
import { SettingsKeys } from './settings-keys.ts';
import { Tokens } from './tokens.ts';
import { WrongTries } from './wrong-tries.ts';

const ISSUER_KEYS = Symbol('IssuerKeys');

/** Who calls, and what they may do. */
@Global()
@Module({})
class CredentialsModule implements OnApplicationShutdown {
  constructor(@Inject(ISSUER_KEYS) private readonly issuerKeys: IssuerKeys | null) {}

  onApplicationShutdown(): void {
    this.issuerKeys?.close();
  }
}

/** @param authenticator replaces the one that the settings choose */
export function credentialsModule(authenticator: Authenticator | undefined): DynamicModule {
  return {
    module: CredentialsModule,
    imports: [HealthModule],
    providers: [
      { provide: AuditTrail, inject: [SHARD_PORTS, SHARDS, KEYS], useFactory: auditTrail },
      ...[AuditLog, AuthFailures, WrongTries, CredentialDirectory, IssuedKeys, Tokens, ConsoleSessions],
      { provide: ISSUER_KEYS, inject: [SETTINGS, LOGGER], useFactory: issuerKeysOf },
      {
        provide: AUTHENTICATOR,
        inject: [SETTINGS, Tokens, IssuedKeys, ISSUER_KEYS, AuthFailures, WrongTries],
        useFactory: (...parts: Parameters<typeof authenticatorOf>) => authenticator ?? authenticatorOf(...parts),
      },
      { provide: REVOCATIONS, useExisting: CredentialDirectory },
      { provide: APP_GUARD, useClass: AccessGuard },
    ],
    exports: [
      AUTHENTICATOR,
      REVOCATIONS,
      AuditTrail,
      AuditLog,
      CredentialDirectory,
      IssuedKeys,
      Tokens,
      ConsoleSessions,
    ],
  };
}

function auditTrail(parts: readonly ShardPorts[], shards: Shards, keys: KeySpace): AuditTrail<AuditEntry> {
  const trails = parts.map(({ redis }) => new AuditTrail<AuditEntry>(redis, keys));
  const [only, ...others] = trails;
  return only !== undefined && others.length === 0 ? only : joinedTrail(trails, shards);
}

function issuerKeysOf({ MILLRACE_JWT_JWKS: location }: ApiSettings, logger: Logger): IssuerKeys | null {
  return location === undefined ? null : new IssuerKeys(location, logger);
}

function authenticatorOf(
  settings: ApiSettings,
  tokens: Tokens,
  issuedKeys: IssuedKeys,
  issuerKeys: IssuerKeys | null,
  failures: AuthFailures,
  wrongTries: WrongTries,
): Authenticator {
  if (!needsCredentials(settings)) return new AnonymousAuthenticator(tokens);
  const { MILLRACE_AUTH: kinds = [], MILLRACE_API_KEYS: keys } = settings;
  const sources = [tokens, issuedKeys, new SettingsKeys(keys)];
  const webTokens = kinds.includes('jwt') && issuerKeys !== null ? [webTokensOf(settings, issuerKeys)] : [];
  return new CredentialAuthenticator([...sources, ...webTokens], failures, wrongTries);
}

function webTokensOf(settings: ApiSettings, keys: IssuerKeys): JsonWebTokens {
  const policy = {
    issuer: settings.MILLRACE_JWT_ISSUER ?? '',
    audience: settings.MILLRACE_JWT_AUDIENCE ?? '',
    algorithms: settings.MILLRACE_JWT_ALGORITHMS,
    tenantClaim: settings.MILLRACE_JWT_TENANT_CLAIM,
    roleClaim: settings.MILLRACE_JWT_ROLE_CLAIM,
  };
  return new JsonWebTokens(policy, keys);
}
