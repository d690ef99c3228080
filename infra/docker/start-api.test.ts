import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const START_API = fileURLToPath(new URL('start-api.sh', import.meta.url));
const KEYS = 'acme:user:a-secret-of-the-team';

/** Starts the container's command with these variables.
 *  @returns the value of MILLRACE_AUTH that it sees, or the error message */
function start(env: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(START_API, ['sh', '-c', 'printf %s "$MILLRACE_AUTH"'], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8',
  });
  return { status, auth: stdout, stderr };
}

describe('docker compose up', () => {
  it.each(['127.0.0.1', '127.0.0.2', '::1', '[::1]'])('lets everybody in on loopback: BIND=%s', (BIND) => {
    expect(start({ BIND })).toMatchObject({ status: 0, auth: 'none' });
  });

  it.each(['0.0.0.0', '::', '[::]', '192.168.1.7', '10.0.0.1', '', 'eth0'])(
    'does not start the API without keys where others can reach it: BIND=%s',
    (BIND) => {
      const { status, auth, stderr } = start({ BIND, MILLRACE_AUTH: '' });
      expect([status, auth]).toEqual([78, '']);
      const { level, msg } = JSON.parse(stderr);
      expect([level, msg]).toEqual(['fatal', expect.stringContaining(`BIND=${BIND}: `)]);
      expect(msg).toMatch(/MILLRACE_API_KEYS=/);
    },
  );

  it('asks for keys where there are some, wherever it is reached', () => {
    for (const BIND of ['0.0.0.0', '127.0.0.1']) {
      expect(start({ BIND, MILLRACE_API_KEYS: KEYS })).toMatchObject({ status: 0, auth: 'apikey' });
    }
  });

  it('leaves what was set as it is', () => {
    expect(start({ BIND: '0.0.0.0', MILLRACE_AUTH: 'none' })).toMatchObject({ status: 0, auth: 'none' });
    expect(start({ BIND: '0.0.0.0', MILLRACE_AUTH: 'apikey' })).toMatchObject({ status: 0, auth: 'apikey' });
  });
});
