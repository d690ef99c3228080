import { describe, expect, it } from '@jest/globals';
import { proxyFiles } from './render.mjs';

describe('proxyFiles', () => {
  const nodes = ['127.0.0.1:3001', '127.0.0.1:3002'];
  const server = (options = {}) => proxyFiles({ listen: '127.0.0.1:8080', nodes, ...options })['conf.d/millrace.conf'];

  it('fills in every variable of its own and none of nginx', () => {
    expect(server()).not.toMatch(/\$\{/);
    expect(server()).toContain('listen 127.0.0.1:8080 backlog=4096;');
    expect(server()).toContain('server 127.0.0.1:3001 max_fails=1 fail_timeout=1s; server 127.0.0.1:3002');
    expect(server()).toContain('proxy_set_header Host $http_host;');
  });

  it('buffers the streams only when asked to', () => {
    expect(server()).toContain('proxy_buffering off;');
    expect(server({ bufferStreams: true })).not.toContain('proxy_buffering off;');
  });
});
