import type { IncomingHttpHeaders } from 'node:http';

/** What stands before the service, as its answers name it. */
export type ProxyName = 'nginx' | 'Caddy' | 'HAProxy' | 'Cloudflare' | 'unknown';

export type Ill = 'buffering' | 'version' | 'compression' | 'time-out';

/** @returns the proxy that an answer names; HAProxy names itself nowhere */
export function proxyOf(headers: IncomingHttpHeaders): ProxyName {
  const names = `${headers['server'] ?? ''} ${headers.via ?? ''}`.toLowerCase();
  if (names.includes('nginx') || names.includes('openresty')) return 'nginx';
  if (names.includes('caddy')) return 'Caddy';
  if (names.includes('cloudflare')) return 'Cloudflare';
  return 'unknown';
}

const REMEDIES: Record<Exclude<ProxyName, 'unknown'>, Record<Ill, string>> = {
  nginx: {
    buffering: 'proxy_buffering off;          # and no proxy_ignore_headers X-Accel-Buffering',
    version: 'proxy_http_version 1.1;\nproxy_set_header Connection "";',
    compression: 'gzip off;                     # or: take text/event-stream out of gzip_types',
    'time-out': 'proxy_read_timeout 1h;\nproxy_send_timeout 1h;',
  },
  Caddy: {
    buffering:
      'reverse_proxy … {\n  flush_interval -1            # and no response_buffers, in Caddy 2.6 buffer_responses\n}',
    version: 'reverse_proxy … {\n  transport http {\n    versions 1.1\n  }\n}',
    compression: 'encode {\n  match {\n    not header Content-Type text/event-stream*\n  }\n}',
    'time-out': 'reverse_proxy … {\n  transport http {\n    read_timeout 1h\n  }\n}',
  },
  HAProxy: {
    buffering: 'option http-no-delay',
    version: '# HAProxy speaks HTTP/1.1 to servers: something behind it does not',
    compression: '# no `compression type` for text/event-stream',
    'time-out': 'timeout server 1h\ntimeout client 1h',
  },
  Cloudflare: {
    buffering: '# Rules → Configuration: response buffering off for the streams’ paths',
    version: '# Cloudflare speaks HTTP/1.1 to origins: something behind it does not',
    compression: '# Rules → Compression: off for text/event-stream',
    'time-out': 'MILLRACE_HEARTBEAT_MS=15000   # Cloudflare cuts a stream that is silent for 100 s',
  },
};

/** @returns the lines that mend it: of the proxy at hand, or of each where that is unknown */
export function remedyOf(proxy: ProxyName, ill: Ill): string {
  if (proxy !== 'unknown') return REMEDIES[proxy][ill];
  return Object.entries(REMEDIES)
    .map(([name, lines]) => `${name}:\n${lines[ill].replaceAll(/^/gm, '  ')}`)
    .join('\n');
}
