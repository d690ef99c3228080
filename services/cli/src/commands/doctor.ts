import type { Command } from 'commander';
import { type Context, withService } from '../command.ts';
import type { Finding } from '../doctor/finding.ts';
import { examineNode } from '../doctor/nodes.ts';
import { examineRedis, redisUrls } from '../doctor/redis.ts';
import { examineStream } from '../doctor/stream.ts';
import { EXIT, Exit } from '../exit-codes.ts';
import { styled, type Terminal } from '../terminal/terminal.ts';
import { jsonOption } from './answering.ts';

interface DoctorOptions {
  readonly redis?: string | readonly string[];
  readonly keyPrefix: string;
  readonly node?: readonly string[];
  readonly quick?: true;
  readonly json?: true;
}

const MARKS = { ok: ['green', '✓'], warning: ['yellow', '!'], fault: ['red', '✗'] } as const;

export function addDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('find what is wrong with Redis, the nodes and the proxy between, and the line that mends it')
    .option(
      '-r, --redis <url...>',
      'the Redis of the service, or each of several in their order (default: REDIS_URLS or REDIS_URL, if set)',
      process.env['REDIS_URLS'] || process.env['REDIS_URL'],
    )
    .option(
      '--key-prefix <prefix>',
      'how the names of its keys begin (default: MILLRACE_KEY_PREFIX, or millrace)',
      process.env['MILLRACE_KEY_PREFIX'] || 'millrace',
    )
    .option('-n, --node <url...>', 'each API node, as the proxy reaches it')
    .option('-q, --quick', 'do not wait for a heartbeat, which shows the time-outs')
    .addOption(jsonOption())
    .action(withService(terminal, doctor));
}

async function doctor(
  { service, terminal }: Context,
  { redis, keyPrefix, node = [], quick, json }: DoctorOptions,
): Promise<void> {
  const findings: Finding[] = [];
  const say = (found: readonly Finding[]) => {
    findings.push(...found);
    for (const finding of found) show(terminal, finding, json ?? false);
  };
  const urls = redisUrls(redis ?? []);
  if (urls.length === 0) terminal.note('no --redis and no REDIS_URL: Redis is not looked at');
  else say(await examineRedis(urls, keyPrefix));
  for (const url of [service.url, ...node]) say(await examineNode(url.replace(/\/$/, '')));
  if (!quick) terminal.note('holding a quiet stream until its first heartbeat …');
  say(await examineStream(service, { whole: !quick }));
  const faults = findings.filter(({ verdict }) => verdict === 'fault').length;
  if (faults > 0) throw new Exit(EXIT.failed, `${faults} ${faults === 1 ? 'fault' : 'faults'} found`);
}

function show(terminal: Terminal, finding: Finding, json: boolean): void {
  if (json) {
    terminal.json(finding);
    return;
  }
  const [colour, mark] = MARKS[finding.verdict];
  terminal.line(styled(colour, mark), ` ${finding.about}: ${finding.says}`);
  if (finding.remedy === undefined) return;
  for (const line of finding.remedy.split('\n')) terminal.line('    ', styled('bold', line));
}
