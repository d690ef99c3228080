import type { FastifyRequest } from 'fastify';

/** The only path where a session counts, and to which browsers send it. */
export const QUEUES_PATH = '/console/queues';
const NAME = 'millrace-console';

/** The header that gives a browser its session, or with an empty secret takes it away. */
export function sessionCookie(
  request: FastifyRequest,
  { secret, expiresAt }: { secret: string; expiresAt: number },
): string {
  const seconds = Math.max(0, Math.floor((expiresAt - Date.now()) / 1_000));
  const secure = request.protocol === 'https' ? '; Secure' : '';
  return `${NAME}=${secret}; Path=${QUEUES_PATH}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** @returns null: the request has none */
export function sessionSecretOf({ headers }: FastifyRequest): string | null {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name === NAME && value !== '') return value;
  }
  return null;
}
