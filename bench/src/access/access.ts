/** What JSON Web Tokens cost: the same loads without credentials and with a token on each request, in turns. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import { compare } from '../compare/compare.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { startMillrace } from '../peers/millrace/millrace.ts';
import { startModelProcess } from '../speed/stage.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'millrace';
export const measureAccess: Benchmark = async ({ rounds, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-bench-'));
  started.defer(() => rmSync(folder, { recursive: true }));
  const { token, keySet } = issuer();
  const file = path.join(folder, 'keys.json');
  writeFileSync(file, JSON.stringify(keySet));
  const settings = {
    ...{ MILLRACE_AUTH: 'jwt', MILLRACE_JWT_ISSUER: ISSUER, MILLRACE_JWT_AUDIENCE: AUDIENCE, MILLRACE_JWT_JWKS: file },
  };
  const open = started.use(await startMillrace(model));
  const closed = started.use(await startMillrace(model, settings));
  await compare(
    [
      { name: 'without', millrace: open },
      { name: 'JWT', millrace: closed, headers: { authorization: `Bearer ${token}` } },
    ],
    { generator, rounds, signal },
  );
};

/** An issuer that signs once. */
function issuer() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const head = { alg: 'RS256', kid: 'bench' };
  const exp = Math.floor(Date.now() / 1_000) + 7_200;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'somebody', tenant: 'bench', exp };
  const text = [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const token = `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  return { token, keySet: { keys: [{ ...publicKey.export({ format: 'jwk' }), ...head, use: 'sig' }] } };
}
