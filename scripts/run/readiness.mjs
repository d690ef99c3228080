import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const betweenTriesMs = 50;

/**
 * Resolves when a URL answers 2xx.
 * @param {string} url
 * @param {AbortSignal} signal gives up
 */
export async function httpReady(url, signal) {
  while (!(await answersOk(url, signal))) await sleep(betweenTriesMs, undefined, { signal });
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function answersOk(url, signal) {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // nobody listens yet
    return false;
  }
}

/**
 * Resolves when a Redis on the loopback interface answers PONG: it accepts connections before it has read its data.
 * @param {number} port
 * @param {string} password
 * @param {AbortSignal} signal gives up
 */
export async function redisReady(port, password, signal) {
  while (!(await answersPong(port, password))) await sleep(betweenTriesMs, undefined, { signal });
}

/**
 * @param {number} port
 * @param {string} password
 */
async function answersPong(port, password) {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(`AUTH ${password}\r\nPING\r\nQUIT\r\n`);
    socket.setTimeout(2_000, () => socket.destroy());
    // it closes the connection after the last answer
    return (await text(socket)).includes('+PONG');
  } catch {
    // nobody listens yet
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * Resolves with the URL of a child's JSON line `{"listening": url}`.
 * @param {import('./child.mjs').Child} child
 * @param {AbortSignal} signal gives up
 * @returns {Promise<string>}
 */
export async function listeningLine(child, signal) {
  for (;;) {
    const [line] = await once(child, 'line', { signal });
    const url = /"listening"\s*:\s*"([^"]+)"/.exec(String(line))?.[1];
    if (url !== undefined) return url;
  }
}
