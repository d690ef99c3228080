/**
 * `npm run bench:page`: streams two answers of 10,000 tokens into the page, in a real Chromium: one of prose, code and tables,
 * one that is a single block of code. Prints of each how long the page was held up while it came, while it was scrolled through and
 * while it was loaded again: every task over 50 ms, how long the frames took, and how far the layout shifted. Chromium, the service
 * and the model share the processor, so a task may have waited for it: while the answer comes, the tasks' own CPU time is printed, too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { inProject } from '../setup/project.mjs';
import { freePort } from './free-port.mjs';

const TOKENS = 10_000;
const TOKENS_PER_SECOND = 400;
const SECTION = `## A section

Some prose with **bold** words, \`code\`, and a [link](https://example.com), as models write it in their answers.

\`\`\`js
export function answer(question) {
  const words = question.split(' '); // a comment
  return words.map((word) => word.length).reduce((sum, one) => sum + one, 42);
}
\`\`\`

| name | value |
| --- | --- |
| one | 1 |
| two | 2 |

`;

const CODE = `\`\`\`js\n${Array.from({ length: 2000 }, (_, nth) => `const value${nth} = answer(${nth}, 'words'); // a comment\n`).join('')}`;
/** What is asked, and what the answer consists of. */
const ANSWERS = new Map([
  ['Say a lot.', SECTION],
  ['Write a program.', CODE],
]);

/** What Chromium traces its tasks as. */
const TASKS = 'disabled-by-default-devtools.timeline';
const LONG_MS = 50;

/** In the page: what was observed since it was asked last. */
const OBSERVE = `{
  let tasks = [], frames = [], shift = 0, last = 0;
  new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) tasks.push(duration); }).observe({ type: 'longtask' });
  new PerformanceObserver((list) => { for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shift += value; }).observe({ type: 'layout-shift' });
  const step = (now) => { if (last > 0) frames.push(now - last); last = now; requestAnimationFrame(step); };
  requestAnimationFrame(step);
  window.observed = () => { const now = { tasks, frames, shift }; tasks = []; frames = []; shift = 0; return now; };
}`;

const model = createServer(async (request, response) => {
  const asked = await text(request);
  const [, said = SECTION] = [...ANSWERS].find(([question]) => asked.includes(question)) ?? [];
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  /** @param {{ content?: string | undefined }} delta @param {string | null} [finish] */
  const chunk = (delta, finish = null) =>
    response.write(
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'x', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  const tokens = said.match(/\s+|\S{1,5}/g) ?? [];
  const began = performance.now();
  for (let sent = 0; sent < TOKENS; sent += 1) {
    chunk({ content: tokens[sent % tokens.length] });
    const aheadMs = (sent * 1000) / TOKENS_PER_SECOND - (performance.now() - began);
    if (aheadMs > 5) await sleep(aheadMs);
  }
  chunk({}, 'stop');
  response.end('data: [DONE]\n\n');
}).listen(0, '127.0.0.1');
await once(model, 'listening');
const modelPort = /** @type {import('node:net').AddressInfo} */ (model.address()).port;
const state = mkdtempSync(path.join(tmpdir(), 'millrace-bench-page-'));
const port = await freePort();
const millrace = spawn(process.execPath, [inProject('scripts/run/start.mjs')], {
  env: {
    ...process.env,
    PORT: String(port),
    MILLRACE_STATE_DIR: state,
    OPENAI_BASE_URL: `http://127.0.0.1:${modelPort}/v1`,
    OPENAI_API_KEY: 'simulated',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  for await (const line of createInterface(millrace.stdout)) if (line.includes('answers at')) break;
  millrace.stdout.resume();
  for (const question of ANSWERS.keys()) await measure(`http://localhost:${port}`, question);
} finally {
  millrace.kill('SIGINT');
  if (millrace.exitCode === null) await once(millrace, 'exit');
  model.close();
  rmSync(state, { recursive: true, force: true });
}

/** @param {string} url @param {string} question */
async function measure(url, question) {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    await page.addInitScript(OBSERVE);
    await page.goto(url);
    await page.getByLabel('Your question').fill(question);
    // what is loaded once is not what is measured
    await sleep(3000);
    await page.evaluate('observed()');
    await browser.startTracing(page, { categories: [TASKS] });
    await page.keyboard.press('Enter');
    const began = performance.now();
    await isThere(page);
    const seconds = (performance.now() - began) / 1000;
    console.log(`${question} ${TOKENS} tokens in ${seconds.toFixed(1)} s: ${await held(page)}`);
    console.log(`  by CPU time: ${busy(await browser.stopTracing())}`);
    await page.getByLabel('What was said').hover();
    await page.evaluate('observed()');
    for (const pixels of [-300, 300])
      for (let turn = 0; turn < 150; turn += 1) {
        await page.mouse.wheel(0, pixels);
        await sleep(16);
      }
    console.log(`  scrolled through: ${await held(page)}`);
    await page.reload();
    await isThere(page);
    await sleep(2000);
    console.log(`  loaded again: ${await held(page)}`);
  } finally {
    await browser.close();
  }
}

/** Waits for the end of the answer. Looking for words would hold up the page.
 *  @param {import('playwright-core').Page} page */
async function isThere(page) {
  while (!(await page.evaluate("document.querySelector('.message-foot') !== null"))) await sleep(250);
}

/** @param {import('playwright-core').Page} page */
async function held(page) {
  const { tasks, frames, shift } = /** @type {{ tasks: number[], frames: number[], shift: number }} */ (
    await page.evaluate('observed()')
  );
  const sorted = frames.toSorted((one, other) => one - other);
  /** @param {number} share */
  const quantile = (share) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  const longest = Math.max(0, ...tasks).toFixed(0);
  return `${tasks.length} tasks over 50 ms, the longest ${longest} ms; frames p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms, longest ${quantile(1)} ms; layout shift ${shift.toFixed(3)}`;
}

/** @param {Buffer} trace of one page, as Chromium writes it: times in microseconds, `tdur` is that of the thread's CPU */
function busy(trace) {
  /** @type {{ traceEvents: { name: string, pid: number, tid: number, dur?: number, tdur?: number, args: { name?: string } }[] }} */
  const { traceEvents } = JSON.parse(trace.toString());
  const mainThreads = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid}/${tid}`),
  );
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === 'RunTask' && mainThreads.has(`${pid}/${tid}`));
  const cpuMs = tasks.map(({ tdur = 0 }) => tdur / 1000).toSorted((one, other) => other - one);
  const longest = cpuMs.slice(0, 3).map((ms) => ms.toFixed(0));
  return `${cpuMs.filter((ms) => ms > LONG_MS).length} tasks over ${LONG_MS} ms of ${tasks.length}, the longest ${longest.join(', ')} ms`;
}
