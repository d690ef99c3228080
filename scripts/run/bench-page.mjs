/**
 * `npm run bench:page`: streams an answer of 10,000 tokens with prose, code and tables into the page, in a real Chromium, and prints
 * how long the page was held up: every task over 50 ms, and how far the layout shifted.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
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

const model = createServer(async (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  /** @param {{ content?: string | undefined }} delta @param {string | null} [finish] */
  const chunk = (delta, finish = null) =>
    response.write(
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', created: 0, model: 'x', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  const tokens = SECTION.match(/\s+|\S{1,5}/g) ?? [];
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
  await measure(`http://localhost:${port}`);
} finally {
  millrace.kill('SIGINT');
  if (millrace.exitCode === null) await once(millrace, 'exit');
  model.close();
  rmSync(state, { recursive: true, force: true });
}

/** @param {string} url */
async function measure(url) {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
    await page.goto(url);
    await page.getByLabel('Your question').fill('Say a lot.');
    // what is loaded once is not what is measured
    await sleep(3000);
    await page.evaluate(`{
      window.tasks = []; window.shift = 0;
      new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) tasks.push(duration); }).observe({ type: 'longtask' });
      new PerformanceObserver((list) => { for (const { value } of list.getEntries()) shift += value; }).observe({ type: 'layout-shift' });
    }`);
    await page.keyboard.press('Enter');
    const began = performance.now();
    await page.getByRole('article', { name: 'Answer' }).getByText('First token').waitFor({ timeout: 120_000 });
    const seconds = (performance.now() - began) / 1000;
    const { tasks, shift } = /** @type {{ tasks: number[], shift: number }} */ (
      await page.evaluate('({ tasks, shift })')
    );
    const longest = Math.max(0, ...tasks);
    console.log(
      `${TOKENS} tokens in ${seconds.toFixed(1)} s: ${tasks.length} tasks over 50 ms, the longest ${longest.toFixed(0)} ms; layout shift ${shift.toFixed(3)}`,
    );
  } finally {
    await browser.close();
  }
}
