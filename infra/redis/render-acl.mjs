/**
 * Writes the users of Redis to a file that `aclfile` names; millrace.acl.template has their rights.
 *
 *   MILLRACE_REDIS_ADMIN_PASSWORD=… MILLRACE_REDIS_API_PASSWORD=… MILLRACE_REDIS_WORKER_PASSWORD=… \
 *     node infra/redis/render-acl.mjs > users.acl
 *
 * `<NAME>_FILE` names a file with a password instead. MILLRACE_KEY_PREFIX is that of the services. The file has digests only.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { fillIn } from '../nginx/render.mjs';

const TEMPLATE = new URL('millrace.acl.template', import.meta.url);
const KEY_PREFIX = /^[A-Za-z0-9:_-]+$/;

/**
 * The users, a line each.
 * @param {object} options
 * @param {string} options.keyPrefix MILLRACE_KEY_PREFIX of the services
 * @param {{ readonly admin: string, readonly api: string, readonly worker: string }} options.passwords
 */
export function redisAcl({ keyPrefix, passwords }) {
  if (!KEY_PREFIX.test(keyPrefix))
    throw new RangeError(`a key prefix has letters, digits, ":", "_" and "-" only: ${keyPrefix}`);
  // Redis knows neither comments nor continued lines
  const lines = readFileSync(TEMPLATE, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.trimStart().startsWith('#'));
  const users = lines.map((line) => (line.startsWith(' ') ? ` ${line.trim()}` : `\n${line}`)).join('');
  return fillIn(`${users.trimStart()}\n`, {
    P: keyPrefix,
    ADMIN_SHA256: digest(passwords.admin),
    API_SHA256: digest(passwords.api),
    WORKER_SHA256: digest(passwords.worker),
  });
}

const digest = (/** @type {string} */ password) => createHash('sha256').update(password).digest('hex');

/**
 * @param {string} name of a variable; `<name>_FILE` may name a file instead, which often ends with a line break
 * @throws {Error} neither is set
 */
function secret(name) {
  const { [name]: value, [`${name}_FILE`]: file } = process.env;
  const password = value || (file && readFileSync(file, 'utf8').trim());
  if (!password) throw new Error(`${name} is required, or ${name}_FILE`);
  return password;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const passwords = {
      admin: secret('MILLRACE_REDIS_ADMIN_PASSWORD'),
      api: secret('MILLRACE_REDIS_API_PASSWORD'),
      worker: secret('MILLRACE_REDIS_WORKER_PASSWORD'),
    };
    process.stdout.write(redisAcl({ keyPrefix: process.env['MILLRACE_KEY_PREFIX'] || 'millrace', passwords }));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(64);
  }
}
