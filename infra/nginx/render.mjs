/**
 * Renders the proxy's configuration for a run without containers: the same templates, filled in by Node.
 *
 *   node infra/nginx/render.mjs <folder> <listen> <node> [<node>…]
 *   nginx -p "$PWD/<folder>" -c nginx.conf -g 'daemon off; pid nginx.pid;'
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** The limits of one address, at a time and per second, and who may read /metrics. The template has the reasons. */
export const PROXY_DEFAULTS = {
  MILLRACE_METRICS_ACCESS: 'deny all;',
  MILLRACE_CONNECTIONS_PER_ADDRESS: '4000',
  MILLRACE_REQUESTS_PER_SECOND: '200',
  MILLRACE_REQUEST_BURST: '4000',
};

/** For a load from a single machine. */
export const UNLIMITED = {
  MILLRACE_CONNECTIONS_PER_ADDRESS: '60000',
  MILLRACE_REQUESTS_PER_SECOND: '100000',
  MILLRACE_REQUEST_BURST: '100000',
};

/**
 * @typedef {object} ProxyOptions
 * @property {string} listen `127.0.0.1:41234`
 * @property {readonly string[]} nodes the API nodes, `127.0.0.1:3001`
 * @property {Partial<typeof PROXY_DEFAULTS>} [limits] where they differ from {@link PROXY_DEFAULTS}
 * @property {boolean} [bufferStreams] for the experiment that shows why streams are not buffered: the behaviour of a
 *   proxy whose configuration does not mention streams
 */

/**
 * The proxy's configuration.
 * @param {ProxyOptions} options
 * @returns {{ 'nginx.conf': string, 'conf.d/millrace.conf': string }} the files by their path below nginx's prefix
 */
export function proxyFiles({ listen, nodes, limits = {}, bufferStreams = false }) {
  const template = readFileSync(path.join(here, 'templates', 'millrace.conf.template'), 'utf8');
  const filled = fillIn(template, {
    ...PROXY_DEFAULTS,
    ...limits,
    MILLRACE_LISTEN: listen,
    MILLRACE_ACCESS_LOG: 'access.log',
    MILLRACE_API_NODES: nodes.map((node) => `server ${node} max_fails=1 fail_timeout=1s;`).join(' '),
  });
  return {
    'nginx.conf': readFileSync(path.join(here, 'nginx.conf'), 'utf8'),
    'conf.d/millrace.conf': bufferStreams ? withBufferedStreams(filled) : filled,
  };
}

/**
 * Does what envsubst does in the official image: replaces `${NAME}` for the given names, and nothing else.
 * @param {string} template
 * @param {Readonly<Record<string, string>>} variables
 */
export function fillIn(template, variables) {
  return template.replace(/\$\{(\w+)\}/g, (whole, name) => variables[name] ?? whole);
}

/**
 * Restores nginx's own defaults: buffering, and HTTP/1.0 to its upstreams. Both matter: nginx passes on each chunk of
 * an HTTP/1.1 answer as it arrives, buffered or not, while an answer without chunks waits until a buffer is full.
 * @param {string} configuration
 */
function withBufferedStreams(configuration) {
  return configuration
    .replaceAll('proxy_buffering off;', 'proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;')
    .replaceAll('proxy_http_version 1.1;', 'proxy_http_version 1.0;');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [directory, listen, ...nodes] = process.argv.slice(2);
  if (directory === undefined || listen === undefined || nodes.length === 0) {
    process.stderr.write('usage: node infra/nginx/render.mjs <folder> <listen> <node> [<node>…]\n');
    process.exit(64);
  }
  for (const [file, text] of Object.entries(proxyFiles({ listen, nodes }))) {
    mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    writeFileSync(path.join(directory, file), text);
  }
}
