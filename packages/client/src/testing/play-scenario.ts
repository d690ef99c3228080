import type { ScenarioRun } from '@millrace/testing';

type Sdk = typeof import('../index.ts');

/** Plays a scenario of the conformance kit with the SDK. Also runs in a page, so it can use nothing of this file.
 *  @param server of the kit
 *  @returns the server's judgement */
export async function playScenario(
  { Millrace, JobFailed, JobCancelled, RequestRefused }: Sdk,
  server: string,
  name: string,
): Promise<{ readonly passed: boolean }> {
  const post = async <T>(url: string, body: object): Promise<T> => {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    return (await response.json()) as T;
  };
  const run = await post<ScenarioRun>(`${server}/scenarios/${name}`, {});
  const { url, report, start, jobId, threadId, lastEventId, query, heartbeatMs } = run;
  const { jobs, threads } = new Millrace({ baseUrl: url, retryMs: 1, maxRetryMs: 20, heartbeatMs });
  // by job
  const texts = new Map<string, string>();
  const say = (id: string, text: string) => texts.set(id, (texts.get(id) ?? '') + text);

  async function watch(): Promise<string> {
    for await (const { id, jobId: job, type, data } of threads.resume({ id: threadId, lastEventId })) {
      if (type === 'text') say(job, data.text);
      if (type !== 'reset') continue;
      if (id.endsWith('/0-0')) texts.clear();
      else texts.delete(job);
    }
    return 'gone';
  }

  async function read(): Promise<string> {
    const job = start === 'create' ? await jobs.create({ query }) : jobs.resume({ id: jobId, lastEventId });
    for await (const piece of job.text({ onRestart: () => texts.clear() })) say(jobId, piece);
    return job.lastEventId === lastEventId ? 'over' : 'done';
  }

  let end: string;
  try {
    end = await (start === 'watch' ? watch() : read());
  } catch (error) {
    if (error instanceof JobFailed) end = 'error';
    else if (error instanceof JobCancelled) end = 'cancelled';
    else if (error instanceof RequestRefused) end = 'refused';
    else throw error;
  }
  return post(report, { text: [...texts.values()].join(''), end });
}
