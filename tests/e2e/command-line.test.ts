import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, freePort, startFaultProxy } from '@millrace/testing';
import { type CommandOptions, MillraceCommand } from './millrace-command.ts';
import { SystemHarness } from './system-harness.ts';

const ADMIN = 'an-admin-key-of-the-tests';
const ESC = '\u001b';
const KEY = { MILLRACE_API_KEY: ADMIN };
const PROGRAM = fileURLToPath(new URL('../../services/cli/bin/millrace.js', import.meta.url));

let system: SystemHarness;
beforeAll(async () => {
  system = await SystemHarness.start({
    processes: 1,
    env: { MILLRACE_AUTH: 'apikey', MILLRACE_API_KEYS: `operations:admin:${ADMIN}` },
  });
});
afterAll(() => system[Symbol.asyncDispose]());

const millrace = (args: readonly string[], options: CommandOptions = {}) =>
  MillraceCommand.run(system.url, args, { env: KEY, ...options });

/** Starts one whose job's model waits, and lets it say its first words. */
async function started(args: readonly string[], prompt: string): Promise<MillraceCommand> {
  const gate = system.model.gated({ to: prompt });
  const command = MillraceCommand.start(system.url, args, { env: KEY });
  await gate.say('first words');
  return command;
}

const idIn = (err: string) => /job ([\w-]+)/.exec(err)?.[1] ?? '';

describe('millrace run', () => {
  it('writes exactly the answer to stdout, and progress to stderr', async () => {
    const answer = ['# Not \u001b[31mrendered', '\n\n* as ', 'it is'];
    system.model.answer(answer, { to: 'to a pipe' });
    const { code, out, err } = await millrace(['run', 'to', 'a', 'pipe']);
    expect([code, out]).toEqual([0, answer.join('')]);
    expect(err).toMatch(/job [\w-]+\n.*openai:.* tokens/);
  });

  it('takes the prompt from a pipe, and gives the whole job as JSON', async () => {
    system.model.answer(['piped'], { to: 'from a pipe' });
    const { code, out } = await millrace(['run', '--json'], { input: 'from a pipe' });
    expect([code, JSON.parse(out)]).toMatchObject([0, { status: 'completed', text: 'piped' }]);
  });

  it('--detach prints the id, from which `watch` reads the answer, and `jobs` shows it', async () => {
    system.model.answer(['for ', 'later'], { to: 'detached' });
    const { out: id } = await millrace(['run', '--detach', 'detached']);
    const watched = await millrace(['watch', id.trim()]);
    expect([watched.code, watched.out]).toEqual([0, 'for later']);
    const events = await millrace(['watch', '--events', id.trim()]);
    expect(
      events.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { type: string }).type),
    ).toEqual(expect.arrayContaining(['accepted', 'started', 'text', 'done']));
    const table = await millrace(['jobs', '--status', 'completed']);
    expect(table.out).toMatch(new RegExp(`^${id.trim()} +completed`, 'm'));
    const one = await millrace(['jobs', '--json', id.trim()]);
    expect(JSON.parse(one.out)).toMatchObject({ id: id.trim(), text: 'for later' });
  });

  it('Ctrl-C cancels its job, and says so by its exit', async () => {
    const command = await started(['run', 'cancelled by Ctrl-C'], 'cancelled by Ctrl-C');
    await eventually(() => idIn(command.err) !== '');
    command.interrupt();
    const { code, err } = await command.ended;
    expect([code, err]).toEqual([7, expect.stringMatching('cancelled')]);
    const id = idIn(err);
    expect(await (await fetch(`${system.url}/jobs/${id}`, { headers: { 'x-api-key': ADMIN } })).json()).toMatchObject({
      status: 'cancelled',
    });
  });

  it('Ctrl-C cancels its job also where it is to be printed as JSON: first the job, then the exit', async () => {
    const command = await started(['run', '--json', 'cancelled JSON'], 'cancelled JSON');
    command.interrupt();
    const { code, out } = await command.ended;
    expect([code, JSON.parse(out)]).toMatchObject([7, { status: 'cancelled', text: 'first words' }]);
  });

  it.each([['--json'], ['--quiet'], ['--detach']])(
    'Ctrl-C while a job is being made cancels it once it is accepted (%s)',
    async (option) => {
      await using proxy = await startFaultProxy({ target: Number(new URL(system.url).port) });
      proxy.throttle(100);
      const prompt = `interrupted early ${option}`;
      void system.model.gated({ to: prompt });
      const command = MillraceCommand.start(`http://127.0.0.1:${proxy.port}`, ['run', option, prompt], { env: KEY });
      await eventually(() => proxy.open > 0);
      command.interrupt();
      await eventually(() => option === '--quiet' || command.err.includes('as soon as it is accepted'));
      proxy.heal();
      expect((await command.ended).code).toBe(7);
      const { out } = await millrace(['jobs', '--json', '--limit', '1']);
      expect(JSON.parse(out)).toMatchObject({ status: 'cancelled' });
    },
  );

  it('Ctrl-C ends the search for a service that does not answer', async () => {
    let tries = 0;
    await using nobody = createServer((socket) => {
      tries += 1;
      socket.destroy();
    });
    nobody.listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as AddressInfo;
    const command = MillraceCommand.start(`http://127.0.0.1:${port}`, ['run', 'to nobody']);
    await eventually(() => tries > 0);
    command.interrupt();
    const { code, err } = await command.ended;
    expect([code, err]).toEqual([130, expect.stringMatching(/millrace cancel [\w-]+/)]);
  });

  it('tells by its exit of a bad end also where it prints JSON', async () => {
    system.model.failNext(1, { status: 400, message: 'no' });
    const failed = await millrace(['run', '--json', 'a failure in JSON']);
    const { id, status } = JSON.parse(failed.out) as { id: string; status: string };
    expect([failed.code, status, failed.err]).toEqual([1, 'failed', expect.stringMatching(/^error: /m)]);
    const events = await millrace(['watch', '--events', id]);
    expect([events.code, events.out]).toEqual([1, expect.stringMatching(/"type":"error".*\n$/)]);
    const command = await started(['run', 'a cancelled one'], 'a cancelled one');
    await eventually(() => idIn(command.err) !== '');
    command.interrupt();
    await command.ended;
    expect((await millrace(['watch', '--events', idIn(command.err)])).code).toBe(7);
  });

  it('says which Node it needs', async () => {
    const older = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.20.2"})';
    const running = promisify(execFile)(process.execPath, ['--import', older, PROGRAM, 'jobs']);
    await expect(running).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching('needs Node 22.12') });
  });

  it('a failed job, and each refusal, has its own exit', async () => {
    system.model.failNext(1, { status: 400, message: 'no' });
    const ends = {
      failed: await millrace(['run', 'a failure']),
      usage: await millrace(['run', '--temperature', 'warm', 'x']),
      refused: await millrace(['run', '--temperature', '99', 'x']),
      denied: await MillraceCommand.run(system.url, ['jobs']),
      missing: await millrace(['watch', 'a-job-that-nobody-has']),
      unreachable: await MillraceCommand.run('http://127.0.0.1:9', ['jobs']),
      noUrl: await MillraceCommand.run('ftp://127.0.0.1', ['jobs']),
      noPrompt: await millrace(['run']),
    };
    const codes = Object.fromEntries(Object.entries(ends).map(([name, { code }]) => [name, code]));
    expect(codes).toEqual({
      failed: 1,
      usage: 2,
      refused: 2,
      denied: 3,
      missing: 4,
      unreachable: 6,
      noUrl: 2,
      noPrompt: 2,
    });
    expect(ends.refused.err).toMatch(/\/temperature: /);
    expect(
      Object.values(ends)
        .map(({ out }) => out)
        .join(''),
    ).toBe('');
  });
});

describe('millrace watch', () => {
  it('Ctrl-C lets go of a job, and prints how to go on', async () => {
    const gate = system.model.gated({ to: 'watched' });
    const { out } = await millrace(['run', '--detach', 'watched']);
    const id = out.trim();
    const command = MillraceCommand.start(system.url, ['watch', id], { env: KEY });
    await gate.say('one ');
    await eventually(
      async () =>
        (
          (await (await fetch(`${system.url}/jobs/${id}`, { headers: { 'x-api-key': ADMIN } })).json()) as {
            text: string;
          }
        ).text === 'one ',
    );
    await eventually(() => command.out.includes('one '));
    command.interrupt();
    const { code, err } = await command.ended;
    const resume = /millrace (watch .*)/.exec(err)?.[1] ?? '';
    expect([code, resume]).toEqual([130, expect.stringMatching(new RegExp(`^watch ${id} --after `))]);
    await gate.say('two');
    void gate.finish();
    expect(await millrace(resume.split(' '))).toMatchObject({ code: 0, out: 'two' });
  });
});

describe('millrace chat', () => {
  it('is a thread: each line a turn, to be gone on with later', async () => {
    system.model.answer(['Hello!'], { to: 'Hi' });
    system.model.answer(['Again.'], { to: 'And now?' });
    const first = await millrace(['chat'], { input: 'Hi\nAnd now?\n' });
    expect([first.code, first.out]).toEqual([0, 'Hello!\nAgain.\n']);
    const thread = /--thread ([\w-]+)/.exec(first.err)?.[1] ?? '';
    system.model.answer(['Still.'], { to: 'Still here?' });
    expect((await millrace(['chat', '--thread', thread], { input: 'Still here?\n' })).out).toBe('Still.\n');
    const said = await millrace(['threads', '--json', thread]);
    const messages = said.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { content: string }).content);
    expect(messages).toEqual(['Hi', 'Hello!', 'And now?', 'Again.', 'Still here?', 'Still.']);
  });

  it('outlives an answer that fails', async () => {
    system.model.failNext(1, { status: 400, message: 'no' });
    system.model.answer(['Fine.'], { to: 'Go on' });
    const { code, out, err } = await millrace(['chat'], { input: 'Break\nGo on\n' });
    expect([code, out.trim(), err]).toEqual([0, 'Fine.', expect.stringMatching(/request [\w-]+/)]);
  });
});

describe('for operators', () => {
  it('cancels jobs by name, and all that wait', async () => {
    const gate = system.model.gated({ to: 'to be cancelled' });
    const { out } = await millrace(['run', '-d', 'to be cancelled']);
    expect((await millrace(['cancel', out.trim()])).out).toBe(`${out.trim()} cancelled\n`);
    void gate.finish();
    expect((await millrace(['cancel', '--all', 'queued'])).out).toMatch(/^\d+ cancelled\n$/);
    expect((await millrace(['cancel'])).code).toBe(2);
  });

  it('cancels each of several jobs, whatever becomes of the others', async () => {
    const gate = system.model.gated({ to: 'one of several' });
    const { out } = await millrace(['run', '-d', 'one of several']);
    const id = out.trim();
    const end = await millrace(['cancel', 'a-job-that-nobody-has', id]);
    expect(end).toMatchObject({ code: 4, out: `${id} cancelled\n` });
    expect(end.err).toMatch(/^error: a-job-that-nobody-has: /);
    void gate.finish();
  });

  it('makes a key, which works from a file, lists it without its secret, and deletes it', async () => {
    const made = await millrace(['keys', 'create', '--tenant', 'acme', '--json']);
    const { id, key } = JSON.parse(made.out) as { id: string; key: string };
    const file = join(tmpdir(), `millrace-key-${id}`);
    await writeFile(file, `${key}\n`, { mode: 0o600 });
    expect((await MillraceCommand.run(system.url, ['jobs', '--api-key-file', file])).code).toBe(0);
    const list = await millrace(['keys']);
    expect(list.out).toMatch(new RegExp(`${id} +acme +user`));
    expect(list.out).not.toContain(key);
    expect((await millrace(['keys', 'delete', id])).code).toBe(0);
    await eventually(async () => (await MillraceCommand.run(system.url, ['jobs', '--api-key-file', file])).code === 3);
  });

  it('shows usage, and erases only what it is told twice', async () => {
    system.model.answer(['gone'], { to: 'to be erased' });
    const { out } = await millrace(['run', '--json', 'to be erased']);
    const { id } = JSON.parse(out) as { id: string };
    await eventually(async () => (await millrace(['usage', '--by', 'model'])).out.includes('openai:'));
    expect((await millrace(['erase', 'job', id])).code).toBe(2);
    expect((await millrace(['erase', 'job', id, '--yes'])).out).toBe(`job ${id} erased\n`);
    expect((await millrace(['watch', id])).code).toBe(4);
  });

  it('shows what the service does now, to admins', async () => {
    const { out } = await millrace(['top', '--once']);
    expect(out).toMatch(/\d\/50 slots/);
    expect(out).toMatch(/^worker +host +state +running$/m);
    expect((await MillraceCommand.run(system.url, ['top', '--once'])).code).toBe(3);
  });

  it('keeps showing what the service does over a lost connection, and ends well by Ctrl-C', async () => {
    await using proxy = await startFaultProxy({ target: Number(new URL(system.url).port) });
    const command = MillraceCommand.start(`http://127.0.0.1:${proxy.port}`, ['top', '--json'], { env: KEY });
    const pictures = () => command.out.split('\n').length - 1;
    await eventually(() => pictures() > 0);
    proxy.refuse(true);
    await eventually(() => command.err.includes('trying again'));
    const before = pictures();
    proxy.heal();
    await eventually(() => pictures() > before);
    command.interrupt();
    expect((await command.ended).code).toBe(0);
  });

  it('says why there is nothing to show of the service', async () => {
    const answers = ['503', 'unavailable', '503', 'unavailable'];
    await using server = createHttpServer((_, response) => {
      if (answers.shift() !== 'unavailable') response.writeHead(503).end();
      else response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: unavailable\ndata: {}\n\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const unavailable = expect.stringMatching('its Redis does not answer');
    const once503 = await MillraceCommand.run(url, ['top', '--once']);
    expect([once503.code, once503.err]).toEqual([5, expect.stringMatching('503')]);
    expect(await MillraceCommand.run(url, ['top', '--once'])).toMatchObject({ code: 5, err: unavailable });
    const live = MillraceCommand.start(url, ['top']);
    await eventually(() => live.err.includes('503') && live.err.includes('its Redis does not answer'));
    live.interrupt();
    expect((await live.ended).code).toBe(0);
    server.closeAllConnections();
    expect((await MillraceCommand.run(`http://127.0.0.1:${await freePort()}`, ['top', '--once'])).code).toBe(6);
  });

  it('completes its commands in a shell', async () => {
    expect((await millrace(['complete', 'bash'])).out).toMatch(/complete/);
    expect((await millrace(['complete', '--', 'wat'])).out).toMatch(/watch/);
  });
});

describe('on a terminal', () => {
  /** Runs it with a terminal of its own, as `script` gives one. */
  async function onTerminal(args: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const command = `${process.execPath} ${PROGRAM} ${args}`;
    const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', MILLRACE_URL: system.url, ...KEY, ...env },
    });
    return stdout;
  }

  it('renders Markdown, and lets no answer steer the terminal', async () => {
    system.model.answer(['Some **bo', 'ld** and \u001b]0;title\u0007\u001b', '[2J\u009b2J end\n'], { to: 'styled' });
    const shown = await onTerminal('run styled');
    expect(shown).toContain(`${ESC}[1mbold`);
    for (const sequence of [`${ESC}[2J`, `${ESC}]0;`, '\u009b']) expect(shown).not.toContain(sequence);
    expect(shown).toMatch(/end/);
  });

  it('has no colours with NO_COLOR', async () => {
    system.model.answer(['Some **bold** text\n'], { to: 'plain' });
    expect(await onTerminal('run plain', { NO_COLOR: '1' })).not.toContain(ESC);
  });
});
