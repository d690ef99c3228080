/**
 * `npm run docs:screenshots`: takes the pictures of the page and the console in `docs/images`, from a Millrace of its own with the simulated model.
 * It needs a Chromium on this machine: `chromium` in the PATH, or CHROMIUM.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import { freePort } from '../run/free-port.mjs';
import { inProject } from '../setup/project.mjs';

/** How long the console watches questions come in before its picture is taken. */
const BUSY_SECONDS = 40;
const QUESTIONS = ['Why is the sky blue?', 'How do I resume a stream?', 'Tell me a long story.'];

const state = mkdtempSync(path.join(tmpdir(), 'millrace-screenshots-'));
const port = await freePort();
const millrace = spawn(process.execPath, [inProject('scripts/run/start.mjs')], {
  env: {
    ...process.env,
    PORT: String(port),
    MILLRACE_STATE_DIR: state,
    MILLRACE_GRAPHS: inProject('tests/e2e/mailing-agent/langgraph.json'),
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});

try {
  for await (const line of createInterface(millrace.stdout)) if (line.includes('answers at')) break;
  millrace.stdout.resume();
  await takePictures(`http://localhost:${port}`);
} finally {
  millrace.kill('SIGINT');
  if (millrace.exitCode === null) await once(millrace, 'exit');
  rmSync(state, { recursive: true, force: true });
}

/** @param {string} url */
async function takePictures(url) {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, colorScheme: 'light' });
    await page.goto(url);
    await ask(page, 'Why is the sky blue?');
    await page.getByRole('button', { name: 'New conversation', exact: true }).click();
    await ask(page, 'How do I resume a stream?');
    await page.locator('.hljs-keyword').first().waitFor();
    await take(page, 'page-light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await take(page, 'page-dark');
    await page.setViewportSize({ width: 390, height: 780 });
    await take(page, 'page-phone');
    await page.setViewportSize({ width: 1200, height: 800 });
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'New conversation', exact: true }).click();
    await page.getByRole('combobox', { name: 'Pipeline' }).click();
    await page.getByRole('option', { name: 'mailing' }).click();
    await page.getByLabel('Your question').fill('Send a mail to Ann.');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Send decision' }).waitFor();
    await take(page, 'page-question');
    await page.goto(`${url}/console`);
    await page.getByRole('heading', { name: 'Now' }).waitFor();
    // a minute's worth of work, so that the charts have something to show
    for (let second = 0; second < BUSY_SECONDS; second += 1) {
      const query = QUESTIONS[second % QUESTIONS.length];
      await fetch(`${url}/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query }),
      });
      await page.waitForTimeout(1000);
    }
    await take(page, 'console-now');
  } finally {
    await browser.close();
  }
}

/** @param {import('playwright-core').Page} page @param {string} question */
async function ask(page, question) {
  await page.getByLabel('Your question').fill(question);
  await page.keyboard.press('Enter');
  await page.getByRole('article', { name: 'Answer' }).getByText('First token').waitFor();
}

/** @param {import('playwright-core').Page} page @param {string} name */
async function take(page, name) {
  // a picture has no caret, no highlight of a pointer that happens to be there, and no colour between light and dark
  await page.mouse.move(0, 0);
  await page.evaluate('document.activeElement?.blur()');
  await page.screenshot({ path: inProject('docs', 'images', `${name}.png`), caret: 'hide', animations: 'disabled' });
}
