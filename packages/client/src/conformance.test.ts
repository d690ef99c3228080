import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConformanceServer, SCENARIOS, type ScenarioRun } from '@millrace/testing';
import { JobCancelled, JobFailed, RequestRefused } from './errors.ts';
import { Millrace } from './millrace.ts';

let server: ConformanceServer;
beforeAll(async () => {
  server = await ConformanceServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

async function post<T>(url: string, body?: object): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: body === undefined ? null : JSON.stringify(body) });
  return (await response.json()) as T;
}

/** @returns the server's judgement */
async function run(name: string): Promise<unknown> {
  const { url, report, start, jobId, query, heartbeatMs } = await post<ScenarioRun>(`${server.url}/scenarios/${name}`);
  const { jobs } = new Millrace({ baseUrl: url, retryMs: 1, maxRetryMs: 20, heartbeatMs });
  let text = '';
  let end = 'done';
  const onRestart = () => {
    text = '';
  };
  try {
    const job = start === 'create' ? await jobs.create({ query }) : jobs.resume(jobId);
    for await (const piece of job.text({ onRestart })) text += piece;
  } catch (error) {
    if (error instanceof JobFailed) end = 'error';
    else if (error instanceof JobCancelled) end = 'cancelled';
    else if (error instanceof RequestRefused) end = 'refused';
    else throw error;
  }
  return post(report, { text, end });
}

describe('this client, judged by the kit', () => {
  const others = SCENARIOS.map(({ name }) => name).filter((name) => !name.startsWith('cut-at-byte-'));

  it.each(others)('passes %s', async (scenario) => {
    expect(await run(scenario)).toEqual({ scenario, passed: true, faults: [] });
  });

  it('passes a cut at every byte', async () => {
    const cuts = SCENARIOS.map(({ name }) => name).filter((name) => !others.includes(name));
    expect(cuts.length).toBeGreaterThan(300);
    const judgements: unknown[] = [];
    // server and clients are one process: all at once, a busy machine answers none in time
    for (let at = 0; at < cuts.length; at += 25)
      judgements.push(...(await Promise.all(cuts.slice(at, at + 25).map(run))));
    expect(judgements).toHaveLength(cuts.length);
    expect(judgements.filter((judgement) => !(judgement as { passed: boolean }).passed)).toEqual([]);
  });

  it('could fail: a client that takes what comes for the whole answer does', async () => {
    const { url, report, jobId } = await post<ScenarioRun>(`${server.url}/scenarios/cut-again-and-again`);
    const body = await (await fetch(`${url}/jobs/${jobId}/stream`)).text();
    const text = [...body.matchAll(/\{"text":"(.*?)"\}/g)].map(([, piece]) => piece).join('');
    expect(await post(report, { text, end: 'done' })).toMatchObject({ passed: false });
  });
});
