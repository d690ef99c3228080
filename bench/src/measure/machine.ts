import { spawnSync } from 'node:child_process';
import { arch, availableParallelism, platform, totalmem } from 'node:os';

/** What a figure depends on, in general words: nothing that names the machine. */
export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** null: it is not on the PATH */
  readonly nginx: string | null;
  /** null: it is not on the PATH (it may run in a container) */
  readonly redis: string | null;
}

/** The machine of this run. */
export function thisMachine(): Machine {
  return {
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
    nginx: versionOf('nginx', '-v'),
    redis: versionOf('redis-server', '--version') ?? versionOf('valkey-server', '--version'),
  };
}

/** The machine in one line. */
export function describeMachine({ cores, memoryGiB, system, node, nginx, redis }: Machine): string {
  const programs = [`Node ${node}`, nginx && `nginx ${nginx}`, redis && `Redis ${redis}`].filter(Boolean);
  return `${cores} cores, ${memoryGiB} GiB, ${system}, ${programs.join(', ')}`;
}

function versionOf(program: string, flag: string): string | null {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  // nginx tells its version on stderr
  return /\d+\.\d+\.\d+/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? null;
}
