import { parseCookie, stringifySetCookie } from 'cookie';
import type { FastifyRequest } from 'fastify';

/** The only path where a session counts, and to which browsers send it. */
export const QUEUES_PATH = '/console/queues';
const NAME = 'millrace-console';

/** The header that gives a browser its session, or with an empty secret takes it away. */
export function sessionCookie(
  request: FastifyRequest,
  { secret, expiresAt }: { secret: string; expiresAt: number },
): string {
  return stringifySetCookie({
    ...{ name: NAME, value: secret, path: QUEUES_PATH },
    maxAge: Math.max(0, Math.floor((expiresAt - Date.now()) / 1_000)),
    ...{ httpOnly: true, sameSite: 'strict', secure: request.protocol === 'https' },
  });
}

/** @returns null: the request has none */
export function sessionSecretOf({ headers }: FastifyRequest): string | null {
  return parseCookie(headers.cookie ?? '')[NAME] || null;
}
