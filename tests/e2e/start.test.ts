import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startModel } from '@millrace/simulated-model';
import { Child, eventually, freePort, readSse } from '@millrace/testing';
import { Redis } from 'ioredis';
import { hasChromium, launchChromium } from './chromium.ts';
import { answerOf, ask, ends } from './page-harness.ts';
import { idOf } from './system-harness.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A separate state folder: the developer's may be in use. */
let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'millrace-start-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

async function start(port: number, settings: NodeJS.ProcessEnv = {}): Promise<Child> {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, PORT: String(port), MILLRACE_STATE_DIR: state, ...settings };
  const child = await Child.start({ command: process.execPath, args: ['scripts/run/start.mjs'], cwd: ROOT, env });
  await child.line((line) => line.includes('Millrace answers at'), 60_000);
  return child;
}

interface Process {
  readonly pid: number;
  readonly commandLine: string;
  readonly environment: string;
}

/** The descendants of a process, with their command lines, which everybody may read. */
async function childrenOf(pid: number): Promise<Process[]> {
  const pids = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(
    pids.map(async (child) => {
      const [commandLine, environment] = await Promise.all(
        ['cmdline', 'environ'].map(async (file) =>
          (await readFile(`/proc/${child}/${file}`, 'utf8')).replaceAll('\0', ' '),
        ),
      );
      return [{ pid: child, commandLine, environment } as Process, ...(await childrenOf(child))];
    }),
  );
  return below.flat();
}

/** Which processes are workers themselves, without what keeps them. */
async function workersOf({ pid }: Child): Promise<number[]> {
  const isWorker = ({ commandLine }: Process) => /services.worker/.test(commandLine) && !/tether/.test(commandLine);
  return (await childrenOf(pid)).filter(isWorker).map((process) => process.pid);
}

/** What in a folder other users of this machine could read or list. */
async function openToOthers(folder: string): Promise<string[]> {
  const inside = await readdir(folder, { recursive: true });
  const files = [folder, ...inside.map((name) => join(folder, name))];
  const modes = await Promise.all(files.map(async (file) => ({ file, mode: (await stat(file)).mode })));
  return modes.filter(({ mode }) => (mode & 0o077) !== 0).map(({ file }) => file);
}

/** Only Linux shows how other processes were started. */
const onLinux = process.platform === 'linux' ? it : it.skip;
const onLinuxInChromium = hasChromium ? onLinux : it.skip;

describe('npm start', () => {
  it('serves, says that the model is simulated, stops on Ctrl-C, keeps its answers, and serves a page of yours', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const first = await start(port);
    expect(first.lines.join('\n')).toMatch(/SIMULATED/);
    expect((await fetch(url)).headers.get('content-type')).toMatch('text/html');
    await using stream = await readSse(`${url}/jobs`, { body: { query: 'Write a haiku.' } });
    await stream.collect();
    expect(stream.text()).toMatch(/mill/);
    process.kill(first.pid, 'SIGINT');
    expect(await first.exited).toMatchObject({ code: 0 });

    const second = await start(port, { MILLRACE_WEB_ROOT: 'examples/chat-html' });
    expect(await (await fetch(url)).text()).toContain('chat.js');
    const job = await (await fetch(`${url}/jobs/${idOf(stream)}`)).json();
    expect(job).toMatchObject({ status: 'completed', text: stream.text() });
    await second.stop();
  });

  onLinux(
    'keeps prompts and keys from other users of the machine, and each key in the process that needs it',
    async () => {
      // the mode that an earlier version left
      await mkdir(join(state, 'logs'));
      await writeFile(join(state, 'logs', 'api.log'), 'older');
      await chmod(state, 0o755);
      await using model = await startModel();
      model.answer(['fine']);
      const keys = { OPENAI_API_KEY: 'sk-of-the-model', MILLRACE_API_KEYS: 'acme:user:of-a-caller-who-asks' };
      const other = { HF_TOKEN: 'of-somebody-else' };
      const settings = { ...keys, ...other, OPENAI_BASE_URL: model.baseUrl, MILLRACE_AUTH: 'apikey' };
      const port = await freePort();
      await using millrace = await start(port, settings);
      const headers = { authorization: 'Bearer of-a-caller-who-asks' };
      await using stream = await readSse(`http://127.0.0.1:${port}/jobs`, { body: { query: 'a prompt' }, headers });
      expect((await stream.collect()).at(-1)).toMatchObject({ event: 'done' });

      expect(await openToOthers(state)).toEqual([]);
      const [, password] =
        /^requirepass (\w{32,})$/m.exec(await readFile(join(state, 'redis', 'secrets.conf'), 'utf8')) ?? [];
      if (password === undefined) throw new Error('Redis has no password');
      const processes = await childrenOf(millrace.pid);
      const withAny = (secret: string) => processes.filter(({ environment }) => environment.includes(secret));
      const programs = (found: Process[]) =>
        new Set(found.map(({ commandLine }) => /services.(?:api|worker)|redis-server/.exec(commandLine)?.[0]));
      expect(programs(processes)).toEqual(new Set(['services/api', 'services/worker', 'redis-server']));
      expect(programs(withAny(password))).toEqual(new Set(['services/api', 'services/worker']));
      expect(programs(withAny('sk-of-the-model'))).toEqual(new Set(['services/worker']));
      expect(programs(withAny('of-somebody-else'))).toEqual(new Set(['services/worker']));
      expect(programs(withAny('of-a-caller-who-asks'))).toEqual(new Set(['services/api']));
      const said = processes.map(({ commandLine }) => commandLine).join('\n');
      for (const secret of [password, ...Object.values(keys), ...Object.values(other)])
        expect(said).not.toContain(secret);

      const redisPort = Number(/redis-server 127\.0\.0\.1:(\d+)/.exec(said)?.[1]);
      const stranger = new Redis({ port: redisPort, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
      stranger.on('error', () => undefined); // its connection check is refused too
      await expect(stranger.call('KEYS', '*')).rejects.toThrow('NOAUTH');
      stranger.disconnect();
      expect((await millrace.stop(60_000)).code).toBe(0);
    },
  );

  onLinuxInChromium('kills the worker of an answer on request: another one gives the whole answer', async () => {
    const port = await freePort();
    await using millrace = await start(port);
    const before = await workersOf(millrace);
    expect(before).toHaveLength(2);
    await using browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}`);
    await ask(page, 'Why is the sky blue?');
    const panel = page.locator('.demonstration');
    for (const death of [1, 2]) {
      await answerOf(page).locator('.markdown').filter({ hasText: 'a' }).waitFor();
      await panel.getByRole('button', { name: 'Kill the worker' }).click();
      await answerOf(page)
        .getByText(`attempt ${death + 1} starts the answer afresh`)
        .waitFor();
      await panel.getByText(/Another worker took over after/).waitFor();
    }
    await ends(page);
    expect(millrace.lines.filter((line) => line.includes('worker was killed, as somebody asked'))).toHaveLength(2);
    const jobs = (await (await fetch(`http://127.0.0.1:${port}/jobs`)).json()) as { items: { id: string }[] };
    const job = await (await fetch(`http://127.0.0.1:${port}/jobs/${jobs.items[0]?.id}`)).json();
    expect(job).toMatchObject({ status: 'completed', attempt: 3 });
    const after = await eventually(async () => {
      const workers = await workersOf(millrace);
      return workers.length === 2 && workers;
    });
    // the second death may be that of the first one's successor
    expect(after.filter((pid) => before.includes(pid)).length).toBeLessThan(2);
  });
});
