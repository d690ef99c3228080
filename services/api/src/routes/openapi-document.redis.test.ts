import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isTerminal, STREAM_EVENTS } from '@millrace/contracts';
import { rawRequest, readSse } from '@millrace/testing';
import { Validator } from '@seriousme/openapi-schema-validator';
import { z } from 'zod';
import { PROBLEMS } from '../http/problem.ts';
import { ApiHarness, type TestNode } from '../testing/api-harness.ts';
import { openApiDocument } from './openapi-document.ts';

let harness: ApiHarness;
let node: TestNode;

beforeAll(async () => {
  harness = await ApiHarness.start({ MILLRACE_CORS_ORIGINS: 'http://page.example' });
  node = await harness.node();
});
afterAll(() => harness?.[Symbol.asyncDispose]());

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(openApiDocument())));
    expect(result).toEqual({ valid: true });
  });

  it('is served', async () => {
    expect(await (await fetch(`${node.url}/openapi.json`)).json()).toEqual(
      JSON.parse(JSON.stringify(openApiDocument())),
    );
  });

  it('has every route of the app, and no other', () => {
    const documented = Object.entries(openApiDocument().paths ?? {}).flatMap(([path, item]) =>
      Object.keys(item ?? {}).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const served = routesOf(node.api.nest.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }));
    // HEAD comes with every GET, as the document says once for all
    const isImplied = (route: string) => /^(GET \/docs|GET \/console\/queues\/|OPTIONS |HEAD )/.test(route);
    expect(new Set(served.filter((route) => !isImplied(route)))).toEqual(new Set(documented));
    for (const route of served.filter((route) => route.startsWith('GET ')))
      expect(served).toContain(route.replace('GET', 'HEAD'));
  });

  it('states the permission that each route requires', () => {
    const { paths = {} } = openApiDocument();
    expect(paths['/jobs/{id}']?.delete?.security).toEqual([
      { apiKey: ['job:cancel'] },
      { apiKeyHeader: ['job:cancel'] },
    ]);
    expect(paths['/jobs']?.post?.security?.[0]).toEqual({ apiKey: ['job:create'] });
    expect(paths['/healthz']?.get?.security).toEqual([]);
    for (const [path, item] of Object.entries(paths)) {
      for (const operation of Object.values(item ?? {}) as { security: object[]; responses: object }[]) {
        const refusals = operation.security.length > 0 ? { 401: expect.anything(), 403: expect.anything() } : {};
        expect({ path, ...operation.responses }).toMatchObject(refusals);
      }
    }
  });

  it('lists all codes', () => {
    const text = JSON.stringify(openApiDocument());
    const missing = Object.keys(PROBLEMS).filter((code) => !text.includes(`\`${code}\``));
    expect(missing).toEqual([]);
  });
});

describe('the events of a stream', () => {
  interface EventSchema {
    readonly description: string;
    readonly properties: { readonly event: { readonly const: string }; readonly data: object };
  }
  interface Served {
    readonly components: { readonly schemas: Record<string, EventSchema> & { readonly StreamEvent: Union } };
    readonly paths: Record<string, Record<string, { readonly responses: Record<string, Answer> }>>;
  }
  interface Union {
    readonly discriminator: { readonly propertyName: string; readonly mapping: Record<string, string> };
    readonly oneOf: readonly { readonly $ref: string }[];
  }
  interface Answer {
    readonly content: Record<string, { readonly schema: object }>;
  }

  const served = async () => (await (await fetch(`${node.url}/openapi.json`)).json()) as Served;
  /** @returns the component of each event, by the name under which readers get it */
  const eventsOf = ({ components: { schemas } }: Served) =>
    Object.entries(schemas.StreamEvent.discriminator.mapping).map(
      ([name, ref]) => [name, schemas[ref.replace('#/components/schemas/', '')] as EventSchema] as const,
    );

  it('are components, one for each row of the table', async () => {
    const document = await served();
    const { discriminator, oneOf } = document.components.schemas.StreamEvent;
    expect(discriminator.propertyName).toBe('event');
    expect(oneOf.map(({ $ref }) => $ref)).toEqual(Object.values(discriminator.mapping));
    const rows = Object.entries(STREAM_EVENTS).map(([type, { meaning }]) => {
      const name = type === 'text' ? 'message' : type;
      return [name, name, `${isTerminal(type) ? 'Terminal: ' : ''}${meaning}`];
    });
    const components = eventsOf(document).map(([name, { properties, description }]) => [
      name,
      properties.event.const,
      description,
    ]);
    expect(components).toEqual(rows);
  });

  it.each([
    ['/jobs', 'post'],
    ['/api/langchain', 'post'],
    ['/jobs/{id}/stream', 'get'],
  ])('are what the body of a stream holds: %s', async (path, method) => {
    const answer = (await served()).paths[path]?.[method]?.responses[200];
    expect(answer?.content['text/event-stream']?.schema).toMatchObject({
      type: 'string',
      contentMediaType: 'text/event-stream',
      contentSchema: { type: 'array', items: { $ref: '#/components/schemas/StreamEvent' } },
    });
  });

  it('are described as they arrive', async () => {
    const schemas = new Map(eventsOf(await served()));
    await using stream = await readSse(`${node.url}/jobs`, { body: { query: 'hi' } });
    await harness.answer(stream.response.headers.get('x-request-id') ?? '', ['an answer']);
    const events = await stream.collect();
    expect(events.map(({ event }) => event)).toEqual(['accepted', 'started', 'message', 'done']);
    for (const { event, data } of events) {
      const schema = z.fromJSONSchema(schemas.get(event)?.properties.data as z.core.JSONSchema.JSONSchema);
      expect([event, schema.safeParse(data).error]).toEqual([event, undefined]);
      expect([event, schema.safeParse({}).success]).toEqual([event, false]);
    }
  });
});

describe('the page at /docs', () => {
  it('loads everything from this server', async () => {
    const answer = await fetch(`${node.url}/docs`);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    const page = await answer.text();
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
    const script = /src="([^"]+)"/.exec(page)?.[1] ?? '';
    expect((await fetch(new URL(script, `${node.url}/docs/`))).status).toBe(200);
  });
});

describe('other origins', () => {
  it('may send and see what the contract allows, if they are on the list', async () => {
    const preflight = await fetch(`${node.url}/jobs`, {
      method: 'OPTIONS',
      headers: { origin: 'http://page.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('http://page.example');
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(
      /Authorization.*Last-Event-ID.*X-Api-Key.*X-Request-Id/,
    );
    const stream = await rawRequest(`${node.url}/jobs`, {
      headers: { origin: 'http://page.example', 'content-type': 'application/json' },
      body: '{"query":"hi"}',
      cutAfter: { frames: 1 },
    });
    expect(stream.headers['access-control-allow-origin']).toBe('http://page.example');
    expect(stream.headers['access-control-expose-headers']).toMatch(
      /^X-Request-Id, Location, Last-Event-ID, Retry-After, /,
    );
  });

  it('get nothing otherwise', async () => {
    const answer = await fetch(`${node.url}/healthz`, { headers: { origin: 'http://evil.example' } });
    expect(answer.headers.get('access-control-allow-origin')).not.toBe('http://evil.example');
  });
});

describe('requests that no route sees', () => {
  it.each(['/jobs/%zz', `/jobs/${'x'.repeat(300)}`, '/nothing/here'])(
    'are answered like all others: %s',
    async (path) => {
      const answer = await rawRequest(`${node.url}${path}`);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(JSON.parse(answer.bytes.toString()).requestId).toBe(answer.headers['x-request-id']);
    },
  );

  it('have headers of bounded size', async () => {
    const answer = await rawRequest(`${node.url}/healthz`, { headers: { 'x-large': 'x'.repeat(40_000) } });
    expect(answer.status).toBe(431);
    expect(JSON.parse(answer.bytes.toString())).toMatchObject({ code: 'INVALID_REQUEST', status: 431 });
  });
});

describe('metrics', () => {
  it('count requests by route, never by path', async () => {
    await fetch(`${node.url}/jobs/nobody-has-this-one`);
    const text = await (await fetch(`${node.url}/metrics`)).text();
    expect(text).toContain('route="/jobs/:id"');
    expect(text).not.toContain('nobody-has-this-one');
  });
});

/** @param tree as Fastify prints it: four columns per level, each with its part of the path */
function routesOf(tree: string): string[] {
  const prefixes: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', part = '', methods = ''] = /^(.*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
    const depth = indent.length / 4;
    prefixes.splice(depth, prefixes.length, part);
    return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${prefixes.join('')}`);
  });
}
