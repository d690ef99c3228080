import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConformanceServer, SCENARIOS, type ScenarioRun } from '@millrace/testing';
import * as sdk from './index.ts';
import { playScenario } from './testing/play-scenario.ts';

let server: ConformanceServer;
beforeAll(async () => {
  server = await ConformanceServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

async function post<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return (await response.json()) as T;
}

const run = (name: string) => playScenario(sdk, server.url, name);

describe('this client, judged by the kit', () => {
  const others = SCENARIOS.map(({ name }) => name).filter((name) => !name.includes('cut-at-byte-'));

  it.each(others)('passes %s', async (scenario) => {
    expect(await run(scenario)).toEqual({ scenario, passed: true, faults: [] });
  });

  it.each(['cut-at-byte-', 'thread-cut-at-byte-'])('passes %s, at every byte', async (prefix) => {
    const cuts = SCENARIOS.map(({ name }) => name).filter((name) => name.startsWith(prefix));
    expect(cuts.length).toBeGreaterThan(300);
    const judgements: Awaited<ReturnType<typeof run>>[] = [];
    // server and clients are one process: all at once, a busy machine answers none in time
    for (let at = 0; at < cuts.length; at += 25)
      judgements.push(...(await Promise.all(cuts.slice(at, at + 25).map(run))));
    expect(judgements).toHaveLength(cuts.length);
    expect(judgements.filter(({ passed }) => !passed)).toEqual([]);
  });

  it('could fail: a client that takes what comes for the whole answer does', async () => {
    const { url, report, jobId } = await post<ScenarioRun>(`${server.url}/scenarios/cut-again-and-again`, {});
    const body = await (await fetch(`${url}/jobs/${jobId}/stream`)).text();
    const text = [...body.matchAll(/\{"text":"(.*?)"\}/g)].map(([, piece]) => piece).join('');
    expect(await post(report, { text, end: 'done' })).toMatchObject({ passed: false });
  });

  it('could fail: a client that comes back to a thread without a cursor does', async () => {
    const { url, report, threadId } = await post<ScenarioRun>(`${server.url}/scenarios/thread-cut-at-byte-0`, {});
    const read = async () => (await fetch(`${url}/threads/${threadId}/stream`)).text();
    const texts = [...`${await read()}${await read()}`.matchAll(/\{"text":"(.*?)"\}/g)];
    const text = texts.map(([, piece]) => piece).join('');
    const faults = ['a request has no cursor, and there was one'];
    expect(await post(report, { text, end: 'gone' })).toMatchObject({ passed: false, faults });
  });
});
