import { readdir } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import type { ModelRequest } from '@millrace/simulated-model';
import { SystemHarness } from '../e2e/system-harness.ts';
import { figures } from './figures.ts';
import { childrenOf } from './memory.ts';

const JOBS = 1_000;
const WARM_UP = 100;
const AT_ONCE = 20;

/** Runs agents that read the notes of their MCP server, to the end. */
async function run(system: SystemHarness, count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    const body = { pipeline: 'mcp', query: 'Read the notes' };
    const streams = await Promise.all(Array.from({ length: AT_ONCE }, () => system.ask(body)));
    await Promise.all(streams.map((stream) => stream.collect()));
    expect(new Set(streams.map((stream) => stream.text()))).toEqual(new Set(['Read.']));
  }
}

async function openFiles(pids: readonly number[]): Promise<number> {
  const files = await Promise.all(pids.map((pid) => readdir(`/proc/${pid}/fd`)));
  return files.flat().length;
}

/** The processes of a worker: its MCP server. */
async function remains(pid: number) {
  const servers = await childrenOf(pid);
  return { servers, serverFiles: await openFiles(servers), workerFiles: await openFiles([pid]) };
}

describe('an MCP server', () => {
  it('1,000 jobs of an agent with MCP tools: one server process, no further connection, no listener left', async () => {
    await using system = await SystemHarness.start({
      processes: 1,
      env: { MILLRACE_GRAPHS: 'examples/agents/mcp/langgraph.json', OPENAI_API_KEY: 'simulated' },
    });
    const [worker] = system.workers;
    if (worker === undefined) throw new Error('there is a worker');
    const call = { toolCall: { id: 'n1', name: 'read_notes', arguments: '{}' } };
    system.model.answer(({ body }: ModelRequest) => (JSON.stringify(body).includes('"n1"') ? ['Read.'] : [call]));
    await run(system, WARM_UP);
    const before = await remains(worker.pid);
    await run(system, JOBS);
    const after = await remains(worker.pid);
    const filesGrown = after.workerFiles - before.workerFiles;
    figures({ jobs: JOBS, servers: after.servers.length, serverFiles: after.serverFiles, filesGrown });

    expect(before.servers).toHaveLength(1);
    expect(after).toMatchObject({ servers: before.servers, serverFiles: before.serverFiles });
    // the worker keeps idle connections to the model for later jobs
    expect(filesGrown).toBeLessThanOrEqual(AT_ONCE);
    expect(worker.child.lines.filter((line) => line.includes('MaxListenersExceeded'))).toEqual([]);
  }, 480_000);
});
