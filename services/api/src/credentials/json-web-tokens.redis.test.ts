import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@millrace/runtime';
import { eventually, readSse } from '@millrace/testing';
import { errors, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { ApiHarness, type Env, submit, type TestNode } from '../testing/api-harness.ts';
import { IssuerKeys } from './issuer-keys.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'millrace';

/** undefined: left out */
type Claims = { readonly [K in keyof JWTPayload]: JWTPayload[K] | undefined };

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

let harness: ApiHarness;
beforeAll(async () => {
  harness = await ApiHarness.start();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

const seconds = () => Math.floor(Date.now() / 1_000);
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

async function pair(alg: string, kid: string): Promise<KeyPair & { alg: string; kid: string }> {
  return { ...(await generateKeyPair(alg, { extractable: true })), alg, kid };
}
type NamedPair = Awaited<ReturnType<typeof pair>>;

async function jwks(...pairs: readonly NamedPair[]) {
  const keys = await Promise.all(
    pairs.map(async ({ publicKey, kid, alg }) => ({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' })),
  );
  return { keys };
}

/** What an issuer signs, unless the test says otherwise: a user of tenant `acme`, for ten minutes. */
function sign({ privateKey, alg, kid }: NamedPair, claims: Claims = {}, head: object = {}): Promise<string> {
  const whole = { iss: ISSUER, aud: AUDIENCE, sub: 'a-person', exp: seconds() + 600, tenant: 'acme', ...claims };
  return new SignJWT(whole as JWTPayload).setProtectedHeader({ alg, kid, ...head }).sign(privateKey);
}

/** With a head that jose does not sign: correctly signed all the same. */
async function signAnyway({ privateKey, alg, kid }: NamedPair, head: object): Promise<string> {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'a-person', exp: seconds() + 600, tenant: 'acme' };
  const parts = [{ alg, kid, ...head }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  const text = new TextEncoder().encode(parts.join('.'));
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, text);
  return `${parts.join('.')}.${Buffer.from(signature).toString('base64url')}`;
}

/** A server of public keys that can rotate and go away. */
class KeyServer implements AsyncDisposable {
  asked = 0;
  answer: { status: number; body: unknown };
  readonly #server = createServer((_, response) => {
    this.asked += 1;
    response.writeHead(this.answer.status, { 'content-type': 'application/json' });
    const { body } = this.answer;
    if (typeof body === 'function') body(response);
    else response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

  static async start(...pairs: readonly NamedPair[]): Promise<KeyServer> {
    const server = new KeyServer(await jwks(...pairs));
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  constructor(body: unknown) {
    this.answer = { status: 200, body };
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function nodeFor(location: string, env: Env = {}): Promise<TestNode> {
  return harness.node({
    MILLRACE_AUTH: 'jwt',
    MILLRACE_JWT_ISSUER: ISSUER,
    MILLRACE_JWT_AUDIENCE: AUDIENCE,
    MILLRACE_JWT_JWKS: location,
    ...env,
  });
}

const statusOf = async ({ url }: TestNode, secret: string) =>
  (await fetch(`${url}/jobs`, { headers: bearer(secret) })).status;

describe('a JSON Web Token', () => {
  let keys: NamedPair[];
  let server: KeyServer;
  let node: TestNode;
  beforeAll(async () => {
    keys = await Promise.all([pair('RS256', 'rsa'), pair('ES256', 'curve'), pair('EdDSA', 'edwards')]);
    server = await KeyServer.start(...keys);
    node = await nodeFor(server.url);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  const rsa = () => keys[0] as NamedPair;

  it('opens with each of the algorithms, whichever key signed it', async () => {
    for (const key of keys) expect([key.alg, await statusOf(node, await sign(key))]).toEqual([key.alg, 200]);
  });

  it.each<[string, Claims, number]>([
    ['expired within the skew of clocks', { exp: seconds() - 30 }, 200],
    ['expired', { exp: seconds() - 90 }, 401],
    ['without an expiry', { exp: undefined }, 401],
    ['not valid yet', { nbf: seconds() + 600 }, 401],
    ['of another issuer', { iss: 'https://other.example' }, 401],
    ['for another audience', { aud: 'someone-else' }, 401],
    ['for several audiences with this one', { aud: ['someone-else', AUDIENCE] }, 200],
    ['without a tenant', { tenant: undefined }, 401],
    ['with a tenant that none can be called', { tenant: 'a/b' }, 401],
    ['with a tenant that is no word', { tenant: { toString: 'acme' } }, 401],
    ['with a role of ours', { role: 'manager' }, 200],
    ['with an unknown role', { role: 'root' }, 401],
    ['with several roles, one of them ours', { role: ['editor', 'user'] }, 200],
  ])('%s', async (_, claims, status) => {
    expect(await statusOf(node, await sign(rsa(), claims))).toBe(status);
  });

  it('is refused with an algorithm that is not pinned, or a key for another', async () => {
    const strict = await nodeFor(server.url, { MILLRACE_JWT_ALGORITHMS: 'ES256' });
    expect(await statusOf(strict, await sign(keys[1] as NamedPair))).toBe(200);
    expect(await statusOf(strict, await sign(rsa()))).toBe(401);
  });

  it('is refused when it is forged', async () => {
    const stranger = await pair('RS256', 'rsa');
    const [head = '', claims = ''] = (await sign(rsa(), { role: 'admin' })).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    // signed with the public key as if it were a shared secret
    const secret = new TextEncoder().encode(await exportSPKI(rsa().publicKey));
    const confused = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, exp: seconds() + 60, tenant: 'acme' })
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
      .sign(secret);
    const withOwnKey = await sign(stranger, {}, { jwk: await exportJWK(stranger.publicKey) });
    for (const forged of [await sign(stranger), `${none}.${claims}.`, `${head}.${claims}.AAAA`, confused, withOwnKey]) {
      expect(await statusOf(node, forged)).toBe(401);
    }
  });

  it('is refused with a header that points at keys of its own, or that asks for more than is known', async () => {
    const stranger = await pair('RS256', 'rsa');
    const own = await KeyServer.start({ ...stranger, kid: 'own' });
    const forged = [
      await sign({ ...stranger, kid: 'own' }, {}, { jku: own.url }),
      await sign({ ...stranger, kid: 'own' }, {}, { x5u: own.url }),
      await sign(stranger, {}, { x5c: ['MIIB'] }),
      ...(await Promise.all(
        ['../../keys', "' OR 1=1 --", '\u0000', 'k'.repeat(4_000)].map((kid) => sign({ ...stranger, kid })),
      )),
      await signAnyway(rsa(), { crit: ['millrace'], millrace: true }),
      await signAnyway(rsa(), { crit: ['b64'], b64: false }),
      // a JWT within a JWT
      await sign(stranger, { jwt: await sign(rsa()) }),
      await sign(rsa()).then((token) => `${token}.${token}`),
    ];
    for (const token of forged) expect(await statusOf(node, token)).toBe(401);
    expect(own.asked).toBe(0);
    await own[Symbol.asyncDispose]();
    expect(await statusOf(node, await signAnyway(rsa(), {}))).toBe(200);
  });

  it('that is huge is refused, and the next one opens', async () => {
    const large = await sign(rsa(), { words: 'w'.repeat(12_000) });
    expect([401, 431]).toContain(await statusOf(node, large.slice(0, -1)));
    const tooLarge = await sign(rsa(), { words: 'w'.repeat(100_000) });
    expect(await statusOf(node, tooLarge)).toBe(431);
    expect(await statusOf(node, await sign(rsa()))).toBe(200);
  });

  it('names whose jobs there are: a tenant, and for admins all', async () => {
    const as = async (claims: Claims) => bearer(await sign(rsa(), claims));
    const id = await submit(node, await as({ tenant: 'acme' }));
    const statusFor = async (claims: Claims) =>
      (await fetch(`${node.url}/jobs/${id}`, { headers: await as(claims) })).status;
    expect(await statusFor({ tenant: 'acme', sub: 'a-colleague' })).toBe(200);
    expect(await statusFor({ tenant: 'other' })).toBe(404);
    expect(await statusFor({ tenant: 'other', role: 'manager' })).toBe(404);
    expect(await statusFor({ tenant: 'other', role: 'admin' })).toBe(200);
  });

  it('may have tenant and role elsewhere', async () => {
    const claims = {
      MILLRACE_JWT_TENANT_CLAIM: 'https://acme.example/org',
      MILLRACE_JWT_ROLE_CLAIM: 'realm_access.roles',
    };
    const elsewhere = await nodeFor(server.url, claims);
    const token = await sign(rsa(), { 'https://acme.example/org': 'acme', realm_access: { roles: ['x', 'admin'] } });
    const answer = await fetch(`${elsewhere.url}/keys`, { headers: bearer(token) });
    expect(answer.status).toBe(200);
  });

  it('ends the stream that it opened when it ends', async () => {
    const id = await submit(node, bearer(await sign(rsa())));
    // the skew of clocks is a minute
    const brief = await sign(rsa(), { exp: seconds() - 57 });
    const stream = await readSse(`${node.url}/jobs/${id}/stream`, { headers: bearer(brief) });
    expect(await stream.ended).toBe('clean');
    expect(stream.terminal()).toBeUndefined();
  });

  it('works beside keys, which stay', async () => {
    const key = 'the-secret-of-a-key-beside';
    const both = await nodeFor(server.url, { MILLRACE_AUTH: 'apikey,jwt', MILLRACE_API_KEYS: `acme:user:${key}` });
    expect([await statusOf(both, key), await statusOf(both, await sign(rsa()))]).toEqual([200, 200]);
  });
});

describe('the keys of an issuer', () => {
  it('are fetched once, and again for a key that is new, at most every 30 s', async () => {
    const [first, next] = [await pair('ES256', 'first'), await pair('ES256', 'next')];
    await using server = await KeyServer.start(first);
    const node = await nodeFor(server.url);
    await Promise.all(Array.from({ length: 5 }, async () => expect(await statusOf(node, await sign(first))).toBe(200)));
    expect(server.asked).toBe(1);
    const made = await Promise.all(Array.from({ length: 20 }, (_, nth) => pair('ES256', `made-up-${nth}`)));
    for (const key of made) expect(await statusOf(node, await sign(key))).toBe(401);
    expect(server.asked).toBe(1);
    server.answer.body = await jwks(next);
    expect(await statusOf(node, await sign(next))).toBe(401); // within 30 s of the first fetch
    expect(await statusOf(node, await sign(first))).toBe(200);
  });

  it('are fetched again after 30 s, once for however many tokens name a new one', async () => {
    const [first, next] = [await pair('ES256', 'first'), await pair('ES256', 'next')];
    await using server = await KeyServer.start(first);
    let now = 0;
    const issuerKeys = new IssuerKeys(server.url, createLogger({ service: 'api', level: 'silent' }), () => now);
    const find = (kid: string) => issuerKeys.resolve({ alg: 'ES256', kid });
    await find('first');
    server.answer.body = await jwks(next);
    now = 29_999;
    await expect(find('next')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
    expect(server.asked).toBe(1);
    now = 30_000;
    await Promise.all(Array.from({ length: 5 }, () => find('next')));
    expect(server.asked).toBe(2);
    await expect(find('first')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
    expect(server.asked).toBe(2);
    issuerKeys.close();
  });

  it('cannot be had: 503 until they can, and the last ones stay when the issuer goes away', async () => {
    const key = await pair('ES256', 'only');
    await using server = await KeyServer.start(key);
    const { body } = server.answer;
    server.answer = { status: 500, body: {} };
    const node = await nodeFor(server.url);
    const early = await fetch(`${node.url}/jobs`, { headers: bearer(await sign(key)) });
    expect([early.status, early.headers.get('retry-after'), await early.json()]).toMatchObject([
      503,
      '2',
      { code: 'UNAVAILABLE' },
    ]);
    server.answer = { status: 200, body };
    // the issuer is not asked more than once a second
    await eventually(async () => (await statusOf(node, await sign(key))) === 200);
    server.answer = { status: 500, body: {} };
    expect(await statusOf(node, await sign(key))).toBe(200);
  });

  it('may stand in a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jwks-'));
    const key = await pair('EdDSA', 'in-a-file');
    writeFileSync(join(folder, 'keys.json'), JSON.stringify(await jwks(key)));
    const node = await nodeFor(join(folder, 'keys.json'));
    expect(await statusOf(node, await sign(key))).toBe(200);
    rmSync(folder, { recursive: true });
  });
});

describe('a real OpenID provider', () => {
  it('gives tokens that open, by its own key set', async () => {
    const { default: Provider } = await import('oidc-provider');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = {
      client_id: 'a-backend',
      client_secret: 'a-secret-of-the-backend',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    };
    const provider = new Provider(issuer, {
      clients: [client],
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => 'https://millrace.example',
          getResourceServerInfo: () => ({ scope: 'jobs', audience: AUDIENCE, accessTokenFormat: 'jwt' as const }),
        },
      },
      extraTokenClaims: () => ({ tenant: 'acme', role: 'manager' }),
    });
    server.on('request', provider.callback());
    const node = await nodeFor(`${issuer}/jwks`, { MILLRACE_JWT_ISSUER: issuer });
    const granted = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'https://millrace.example' }),
    });
    const { access_token: token } = (await granted.json()) as { access_token: string };
    const id = await submit(node, bearer(token));
    expect((await fetch(`${node.url}/jobs/${id}`, { headers: bearer(token) })).status).toBe(200);
    await new Promise((resolve) => server.close(resolve));
  });
});

const DEEP = 1_000_000;
const MIB = 1024 * 1024;

/** Writes for as long as anybody reads. */
function writeOn(response: ServerResponse): void {
  const piece = Buffer.alloc(MIB, ' ');
  const write = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', write);
  write();
}

const keyWith = (fields: string) => `{"keys":[{"kty":"RSA","kid":"rsa","alg":"RS256","e":"AQAB",${fields}}]}`;

/** Answers of an issuer that are no set of keys, or an odd one. */
const NO_KEYS: readonly (readonly [string, unknown])[] = [
  ['deep arrays', `{"keys":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`],
  ['deep objects', `${'{"keys":'.repeat(DEEP)}[]${'}'.repeat(DEEP)}`],
  ['a deep key', keyWith(`"n":${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
  ['a wide key', keyWith(Array.from({ length: 100_000 }, (_, nth) => `"k${nth}":1`).join())],
  ['a huge number', keyWith(`"n":${'9'.repeat(200_000)}`)],
  ['a modulus of a megabyte', keyWith(`"n":"${'A'.repeat(MIB)}"`)],
  ['100,000 keys', { keys: Array.from({ length: 100_000 }, () => ({ kty: 'RSA', kid: 'rsa', n: 'x', e: 'AQAB' })) }],
  ['__proto__', '{"__proto__":{"keys":[]},"constructor":{"prototype":{"keys":[]}}}'],
  ['half of a surrogate pair', keyWith('"n":"\\ud800"')],
  ['NUL', '{"keys":\0}'],
  ['no JSON', '{'],
  ['a body without end', writeOn],
];

describe('an issuer that answers', () => {
  it.each(NO_KEYS)('%s opens nothing, harms nobody, and is right again later', async (_, body) => {
    const key = await pair('RS256', 'rsa');
    await using server = await KeyServer.start(key);
    const { body: right } = server.answer;
    server.answer = { status: 200, body };
    const secret = 'the-secret-of-somebody';
    const node = await nodeFor(server.url, { MILLRACE_AUTH: 'apikey,jwt', MILLRACE_API_KEYS: `own:user:${secret}` });
    const token = await sign(key);
    const [refused, beside] = await Promise.all([statusOf(node, token), statusOf(node, secret)]);
    expect([401, 503]).toContain(refused);
    expect(beside).toBe(200);
    server.answer = { status: 200, body: right };
    if (refused === 503) await eventually(async () => (await statusOf(node, token)) === 200, { everyMs: 200 });
    expect(await statusOf(node, secret)).toBe(200);
  });
});

describe('a JSON Web Token with odd JSON', () => {
  const encoded = (json: string) => Buffer.from(json).toString('base64url');
  const claims = (more: string) =>
    `{"iss":"${ISSUER}","aud":"${AUDIENCE}","sub":"a","exp":${seconds() + 600},"tenant":"acme"${more}}`;

  /** Signed as it is, whatever the text. */
  async function signText({ privateKey }: NamedPair, head: string, text: string): Promise<string> {
    const content = `${encoded(head)}.${encoded(text)}`;
    const bytes = new TextEncoder().encode(content);
    const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, bytes);
    return `${content}.${Buffer.from(signature).toString('base64url')}`;
  }

  it('in its head or its claims is refused, or opens as what it says', async () => {
    const key = await pair('RS256', 'rsa');
    await using server = await KeyServer.start(key);
    const node = await nodeFor(server.url);
    const head = (more = '') => `{"alg":"RS256","kid":"rsa"${more}}`;
    const deep = `${'['.repeat(2_500)}${']'.repeat(2_500)}`;
    const cases: [what: string, status: number, head: string, claims: string][] = [
      ['a deep claim', 200, head(), claims(`,"x":${deep}`)],
      ['a deep tenant', 401, head(), claims(`,"tenant":${deep}`)],
      ['a deep role', 401, head(), claims(`,"role":${deep}`)],
      ['a deep audience', 401, head(), claims(`,"aud":${deep}`)],
      ['an endless expiry', 401, head(), claims(',"exp":1e999')],
      ['an expiry that is no number', 401, head(), claims(`,"exp":${deep}`)],
      ['a negative expiry', 401, head(), claims(',"exp":-1e300')],
      ['a tenant twice', 200, head(), claims(',"tenant":"acme"')],
      ['__proto__', 401, head(), claims(',"__proto__":{"role":"admin"}').replace('"tenant":"acme"', '"x":1')],
      ['half of a surrogate pair', 401, head(), claims(',"tenant":"\\ud800"')],
      ['NUL', 401, head(), claims(',"tenant":"a\\u0000"')],
      ['an array of claims', 401, head(), '[]'],
      ['claims that are null', 401, head(), 'null'],
      ['claims that are no JSON', 401, head(), '{'],
      ['a deep head', 200, head(`,"x":${deep}`), claims('')],
      ['a deep kid', 401, head(`,"kid":${deep}`), claims('')],
      ['a deep algorithm', 401, head(`,"alg":${deep}`), claims('')],
      ['a deep crit', 401, head(`,"crit":${deep}`), claims('')],
      ['a head that is null', 401, 'null', claims('')],
    ];
    const found: [string, number][] = [];
    for (const [what, , text, said] of cases) found.push([what, await statusOf(node, await signText(key, text, said))]);
    expect(found).toEqual(cases.map(([what, status]) => [what, status]));
    expect(await statusOf(node, await sign(key))).toBe(200);
  });
});
