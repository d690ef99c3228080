import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { PROXY_DEFAULTS, proxyFiles } from './render.mjs';

describe('proxyFiles', () => {
  const nodes = ['127.0.0.1:3001', '127.0.0.1:3002'];
  const server = (options = {}) => proxyFiles({ listen: '127.0.0.1:8080', nodes, ...options })['conf.d/millrace.conf'];

  it('fills in every variable of its own and none of nginx', () => {
    expect(server()).not.toMatch(/\$\{/);
    expect(server()).toContain('listen 127.0.0.1:8080 backlog=4096;');
    expect(server()).toContain('server 127.0.0.1:3001 max_fails=1 fail_timeout=1s; server 127.0.0.1:3002');
    expect(server()).toContain('proxy_set_header Host $http_host;');
  });

  it('speaks HTTP/1.1 with an empty Connection, repeats no POST, and is patient with a silent stream (nginx’s traps)', () => {
    const rules = server().replaceAll(/#.*/g, '');
    // before 1.29.7 it would be 1.0, which has no chunks: streams would come in full buffers
    expect(rules).toContain('proxy_http_version 1.1;');
    expect(rules).toContain('proxy_set_header Connection "";');
    expect(rules).not.toMatch(/upgrade/i);
    // a prompt would run twice
    expect(rules).toContain('proxy_next_upstream error timeout;');
    expect(rules).not.toContain('non_idempotent');
    // counted between two reads: it must outlast the silence of a model, whose end is the API's to say
    expect(rules).toContain('proxy_read_timeout 1h;');
  });

  it('refuses with paths, never with a named location: a head that cannot be read has no path to come from', () => {
    const pages = server().match(/error_page [^;]*\b(?:400|494)\b[^;]*;/g) ?? [];
    expect(pages).toHaveLength(2);
    for (const page of pages) expect(page).not.toContain('@');
  });

  it('is given the same defaults by docker-compose.yml', () => {
    const compose = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
    const given = [...compose.matchAll(/^ +(MILLRACE_\w+): "?\$\{\1:-([^}]*)\}"?$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(Object.fromEntries(given)).toMatchObject(PROXY_DEFAULTS);
  });

  it('buffers the streams only when asked to', () => {
    expect(server()).toContain('proxy_buffering off;');
    expect(server({ bufferStreams: true })).not.toContain('proxy_buffering off;');
  });
});
