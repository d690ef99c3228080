import type { OpenJobs, ProcessReports, Survey, Told } from '../survey/process-reports.ts';
import type { Facade } from './by-shard.ts';
import type { Shards } from './shards.ts';

/** The most jobs that a survey of all shards names. */
const MAX_NAMED = 200;

/** What all processes tell, in every shard that answers, so that the loss of one shows no other as gone. */
export function joinedReports(parts: readonly ProcessReports[], shards: Shards): ProcessReports {
  const reports: Facade<ProcessReports> = {
    report: async (process, report) =>
      mergedOrders((await shards.gather(parts, (part) => part.report(process, report))).results),
    withdraw: async (process) => {
      await shards.gather(parts, (part) => part.withdraw(process));
    },
    order: async (worker, order) => {
      const tell = (part: ProcessReports) => part.order(worker, order);
      // a shard that was not told would give the old order again when it is back
      if (order === null) await shards.everywhere(parts, tell);
      else await shards.gather(parts, tell);
    },
    survey: async (options) => mergedSurvey((await shards.gather(parts, (part) => part.survey(options))).results),
  };
  return reports as ProcessReports;
}

function mergedOrders(told: readonly Told[]): Told {
  return {
    watched: told.some(({ watched }) => watched),
    order: told.find(({ order }) => order !== null)?.order ?? null,
  };
}

function mergedSurvey(surveys: readonly Survey[]): Survey {
  const processes = new Map<string, Survey['processes'][number]>();
  for (const process of surveys.flatMap((survey) => survey.processes)) {
    const known = processes.get(process.id);
    if (known === undefined || known.seenAt < process.seenAt) processes.set(process.id, process);
  }
  const count = (of: (survey: Survey) => number) => surveys.reduce((all, survey) => all + of(survey), 0);
  return {
    at: Math.max(...surveys.map(({ at }) => at)),
    open: count(({ open }) => open),
    queued: count(({ queued }) => queued),
    processes: [...processes.values()],
    tenants: mergedTenants(surveys.flatMap(({ tenants }) => tenants)),
    oldest: surveys.flatMap(({ oldest }) => oldest.slice(0, Math.ceil(MAX_NAMED / surveys.length))),
  };
}

function mergedTenants(rows: readonly OpenJobs[]): OpenJobs[] {
  return [...Map.groupBy(rows, ({ tenant }) => tenant)].map(([tenant, own]) => {
    const waits = own.flatMap(({ oldestWaitMs }) => oldestWaitMs ?? []);
    return {
      tenant,
      queued: own.reduce((all, { queued }) => all + queued, 0),
      active: own.reduce((all, { active }) => all + active, 0),
      oldestWaitMs: waits.length > 0 ? Math.max(...waits) : null,
    };
  });
}
