/** Writes Grafana's dashboards: `npm run docs:dashboards`. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dashboard, figure, lines, quantiles } from './panels.mjs';

const API = '{job="millrace-api", instance=~"$instance"}';
const WORKER = '{job="millrace-worker", instance=~"$instance"}';

/** @param {string} job */
const processes = (job) => {
  const own = `{job="${job}", instance=~"$instance"}`;
  return [
    lines({
      title: 'Event-loop lag',
      description: 'How long a timer waits for its turn. Above 250 ms for 5 minutes MillraceEventLoopBlocked fires.',
      unit: 's',
      queries: [
        [`nodejs_eventloop_lag_p99_seconds${own}`, '{{instance}} p99'],
        [`nodejs_eventloop_lag_mean_seconds${own}`, '{{instance}} mean'],
      ],
    }),
    lines({
      title: 'Processor',
      description: 'Processors in use. A process has one event loop: near 1 it is at its limit.',
      unit: 'short',
      queries: [[`rate(process_cpu_seconds_total${own}[$__rate_interval])`, '{{instance}}']],
    }),
    lines({
      title: 'Memory',
      description: 'Resident memory of each process, and the part of its heap that is in use.',
      unit: 'bytes',
      queries: [
        [`process_resident_memory_bytes${own}`, '{{instance}} resident'],
        [`nodejs_heap_size_used_bytes${own}`, '{{instance}} heap'],
      ],
    }),
    lines({
      title: 'Redis by script, p99',
      description: 'From sending a script to Redis to its reply: the way there and back, and Redis itself.',
      unit: 's',
      queries: [
        [
          `histogram_quantile(0.99, sum by (le, script) (rate(millrace_redis_script_seconds_bucket${own}[$__rate_interval])))`,
          '{{script}}',
        ],
      ],
    }),
    lines({
      title: 'Scripts in Redis',
      description: 'How often each script is called.',
      unit: 'ops',
      stacked: true,
      queries: [[`sum by (script) (rate(millrace_redis_script_seconds_count${own}[$__rate_interval]))`, '{{script}}']],
    }),
    lines({
      title: 'Garbage collection',
      description: 'Part of the time that it takes.',
      unit: 'percentunit',
      queries: [[`sum by (instance) (rate(nodejs_gc_duration_seconds_sum${own}[$__rate_interval]))`, '{{instance}}']],
    }),
  ];
};

const overview = () =>
  dashboard({
    uid: 'millrace-overview',
    title: 'Millrace / Overview',
    description: 'The service as its callers have it: is there room, how long do they wait, what fails.',
    instancesOf: null,
    rows: {
      Now: [
        figure({
          title: 'API nodes',
          description: 'Processes that were seen within 15 s.',
          unit: 'short',
          queries: [['max(millrace_processes{kind="api"})', 'API nodes']],
        }),
        figure({
          title: 'Workers',
          description: 'Processes that were seen within 15 s. At 0 MillraceNoWorker fires.',
          unit: 'short',
          queries: [['max(millrace_processes{kind="worker"})', 'workers']],
        }),
        figure({
          title: 'Open streams',
          description: 'Readers that are connected.',
          unit: 'short',
          queries: [['sum(millrace_open_streams)', 'streams']],
        }),
        figure({
          title: 'Slots in use',
          description: 'Of the jobs that all workers together may run at a time. At 100% jobs wait.',
          unit: 'percentunit',
          queries: [['max(millrace_slots{state="used"}) / max(millrace_slots{state="all"})', 'used']],
        }),
        figure({
          title: 'Oldest wait',
          description: 'How long the first of the queued jobs has waited. Above 30 s MillraceQueueWaits fires.',
          unit: 's',
          queries: [['max(millrace_queue_oldest_wait_seconds)', 'wait']],
        }),
        figure({
          title: 'Alerts',
          description: 'Alerts of the rules that fire. The runbook has a section for each.',
          unit: 'short',
          queries: [['count(ALERTS{alertname=~"Millrace.*", alertstate="firing"}) or vector(0)', 'firing']],
        }),
      ],
      Work: [
        lines({
          title: 'Unfinished jobs',
          description: 'Queued and running ones of the whole service.',
          unit: 'short',
          stacked: true,
          queries: [['max by (state) (millrace_open_jobs)', '{{state}}']],
        }),
        lines({
          title: 'Slots',
          description: 'Jobs that all workers together may run at a time, and those that they run.',
          unit: 'short',
          queries: [['max by (state) (millrace_slots)', '{{state}}']],
        }),
        lines({
          title: 'Jobs created',
          description: 'By pipeline.',
          unit: 'reqps',
          stacked: true,
          queries: [['sum by (pipeline) (rate(millrace_jobs_created_total[$__rate_interval]))', '{{pipeline}}']],
        }),
      ],
      Waiting: [
        lines({
          title: 'First text of a stream',
          description: 'From attaching a stream to its first text: with queue, model, Redis and relay.',
          unit: 's',
          queries: quantiles('millrace_stream_first_token_seconds'),
          exemplars: true,
        }),
        lines({
          title: 'Token gap',
          description: 'Between two chunks of an answer, where they come from the model.',
          unit: 's',
          queries: quantiles('millrace_worker_token_gap_seconds'),
        }),
        lines({
          title: 'Watch lag',
          description:
            'From storing events to writing them to their readers. Above 0.5 s (p99) MillraceWatchLag fires.',
          unit: 's',
          queries: quantiles('millrace_watch_lag_seconds'),
        }),
      ],
      Failures: [
        lines({
          title: 'Ends of jobs',
          description: 'Pick-ups of queue entries, by outcome.',
          unit: 'ops',
          stacked: true,
          queries: [['sum by (outcome) (rate(millrace_worker_jobs_total[$__rate_interval]))', '{{outcome}}']],
        }),
        lines({
          title: 'Failures by code',
          description: 'Attempts that ended in an error.',
          unit: 'ops',
          stacked: true,
          queries: [['sum by (code) (rate(millrace_worker_failures_total[$__rate_interval]))', '{{code}}']],
        }),
        lines({
          title: 'Refusals by code',
          description: 'Requests answered with an error: the caller’s mistakes, too.',
          unit: 'reqps',
          stacked: true,
          queries: [['sum by (code) (rate(millrace_problems_total[$__rate_interval]))', '{{code}}']],
        }),
      ],
      Redis: [
        lines({
          title: 'Stored bytes',
          description: 'What jobs, threads and stores of agents take, without the overhead of Redis.',
          unit: 'bytes',
          stacked: true,
          queries: [['max by (kind) (millrace_stored_bytes)', '{{kind}}']],
        }),
        lines({
          title: 'Scripts, p99',
          description: 'There and back, as API nodes and workers see it. Above 50 ms MillraceRedisSlow fires.',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.99, sum by (le, service) (rate(millrace_redis_script_seconds_bucket[$__rate_interval])))',
              '{{service}}',
            ],
          ],
        }),
        lines({
          title: 'Requests counted locally',
          description: 'For limits of a minute, because Redis did not answer: such limits hold for each node alone.',
          unit: 'reqps',
          queries: [['sum(rate(millrace_requests_counted_locally_total[$__rate_interval]))', 'requests']],
        }),
      ],
    },
  });

const api = () =>
  dashboard({
    uid: 'millrace-api',
    title: 'Millrace / API nodes',
    description: 'What each API node carries, and how quickly.',
    instancesOf: 'millrace-api',
    rows: {
      Streams: [
        lines({
          title: 'Open streams',
          description: 'By node. nginx gives a new one to the node with the fewest.',
          unit: 'short',
          stacked: true,
          queries: [[`millrace_open_streams${API}`, '{{instance}}']],
        }),
        lines({
          title: 'Streams attached',
          description: 'New ones, and those that resume from a cursor: many of these mean cut connections.',
          unit: 'reqps',
          queries: [
            [`sum by (resumed) (rate(millrace_streams_total${API}[$__rate_interval]))`, 'resumed: {{resumed}}'],
          ],
        }),
        lines({
          title: 'Connections dropped',
          description: 'Closed at the limit of a node. With more than one in 10 s MillraceConnectionsFull fires.',
          unit: 'ops',
          queries: [
            [
              `sum by (instance, reason) (rate(millrace_connections_dropped_total${API}[$__rate_interval]))`,
              '{{instance}} {{reason}}',
            ],
          ],
        }),
        lines({
          title: 'Events relayed',
          description: 'Counted for each reader.',
          unit: 'ops',
          stacked: true,
          queries: [[`rate(millrace_events_relayed_total${API}[$__rate_interval])`, '{{instance}}']],
        }),
        lines({
          title: 'Bytes relayed',
          description: 'Of these events.',
          unit: 'Bps',
          stacked: true,
          queries: [[`rate(millrace_bytes_relayed_total${API}[$__rate_interval])`, '{{instance}}']],
        }),
        lines({
          title: 'Watch lag, p99',
          description: 'From storing events to writing them to the last of the readers that wait for them.',
          unit: 's',
          queries: [
            [
              `histogram_quantile(0.99, sum by (le, instance) (rate(millrace_watch_lag_seconds_bucket${API}[$__rate_interval])))`,
              '{{instance}}',
            ],
          ],
        }),
      ],
      Requests: [
        lines({
          title: 'Requests',
          description: 'Without streams, by status.',
          unit: 'reqps',
          stacked: true,
          queries: [
            [`sum by (status) (rate(millrace_request_duration_seconds_count${API}[$__rate_interval]))`, '{{status}}'],
          ],
        }),
        lines({
          title: 'Duration by route, p95',
          description: 'Without streams.',
          unit: 's',
          queries: [
            [
              `histogram_quantile(0.95, sum by (le, method, route) (rate(millrace_request_duration_seconds_bucket${API}[$__rate_interval])))`,
              '{{method}} {{route}}',
            ],
          ],
        }),
        lines({
          title: 'Without a valid key',
          description: 'Wrong keys: above one a second MillraceWrongKeys fires. Missing ones: clients without a key.',
          unit: 'reqps',
          queries: [[`sum by (reason) (rate(millrace_auth_failures_total${API}[$__rate_interval]))`, '{{reason}}']],
        }),
      ],
      Archive: [
        lines({
          title: 'Looked for in the archive',
          description: 'Jobs that have left Redis. Many unknown ones: somebody asks for ids that nobody has.',
          unit: 'reqps',
          stacked: true,
          queries: [[`sum by (outcome) (rate(millrace_archive_reads_total${API}[$__rate_interval]))`, '{{outcome}}']],
        }),
      ],
      Processes: processes('millrace-api'),
    },
  });

const workers = () =>
  dashboard({
    uid: 'millrace-workers',
    title: 'Millrace / Workers and models',
    description: 'What workers run, and how their models answer.',
    instancesOf: 'millrace-worker',
    rows: {
      Models: [
        lines({
          title: 'Tokens by model',
          description: 'Input and output of attempts that have ended.',
          unit: 'short',
          stacked: true,
          queries: [
            [
              `sum by (model, kind) (rate(millrace_worker_tokens_total{kind!="estimated", job="millrace-worker", instance=~"$instance"}[$__rate_interval]))`,
              '{{model}} {{kind}}',
            ],
          ],
        }),
        lines({
          title: 'First token',
          description:
            'From the start of an attempt to its first event. Above 10 s (p95) MillraceFirstTokenLate fires.',
          unit: 's',
          queries: quantiles('millrace_worker_first_token_seconds', WORKER),
          exemplars: true,
        }),
        lines({
          title: 'Token gap',
          description: 'Between two chunks of an answer. Above 10 s (p99) MillraceTokenGapLong fires.',
          unit: 's',
          queries: quantiles('millrace_worker_token_gap_seconds', WORKER),
        }),
        lines({
          title: 'Calls tried again',
          description: 'By the code of the failure before. MODEL_RATE_LIMITED: the provider throttles.',
          unit: 'ops',
          queries: [[`sum by (code) (rate(millrace_worker_retries_total${WORKER}[$__rate_interval]))`, '{{code}}']],
        }),
        lines({
          title: 'Tokens that nobody counted',
          description: 'Estimated, as a part of all: their provider reports no usage.',
          unit: 'percentunit',
          queries: [
            [
              `sum by (model) (rate(millrace_worker_tokens_total{kind="estimated", job="millrace-worker", instance=~"$instance"}[$__rate_interval])) / sum by (model) (rate(millrace_worker_tokens_total{kind!="estimated", job="millrace-worker", instance=~"$instance"}[$__rate_interval]))`,
              '{{model}}',
            ],
          ],
        }),
        lines({
          title: 'Events of pipelines',
          description: 'By type, before merging.',
          unit: 'ops',
          stacked: true,
          queries: [[`sum by (type) (rate(millrace_worker_events_total${WORKER}[$__rate_interval]))`, '{{type}}']],
        }),
      ],
      Jobs: [
        lines({
          title: 'Running jobs',
          description: 'By worker.',
          unit: 'short',
          stacked: true,
          queries: [[`millrace_worker_active_jobs${WORKER}`, '{{instance}}']],
        }),
        lines({
          title: 'Attempts by reason',
          description: 'Others than first and resume: jobs that were moved, by a deploy or by the loss of a worker.',
          unit: 'ops',
          stacked: true,
          queries: [
            [`sum by (reason) (rate(millrace_worker_attempts_total${WORKER}[$__rate_interval]))`, '{{reason}}'],
          ],
        }),
        lines({
          title: 'Take-overs',
          description: 'Attempts after the first of their job. MillraceTakeOvers fires when no worker was replaced.',
          unit: 'ops',
          queries: [[`rate(millrace_worker_take_overs_total${WORKER}[$__rate_interval])`, '{{instance}}']],
        }),
      ],
      Archive: [
        lines({
          title: 'Waiting for the archive',
          description: 'Ended jobs that are still to be written, and erasures that are still to be done there.',
          unit: 'short',
          queries: [
            ['max(millrace_archive_backlog_jobs)', 'jobs'],
            ['max(millrace_archive_erasures_pending)', 'erasures'],
          ],
        }),
        lines({
          title: 'Longest wait for the archive',
          description: 'Since the end of a job. Normal: some seconds. Above 15 min MillraceArchiveBehind fires.',
          unit: 's',
          queries: [['max(millrace_archive_oldest_wait_seconds)', 'longest']],
        }),
        lines({
          title: 'Written to the archive',
          description: 'Jobs by outcome, and those that have been there for long enough.',
          unit: 'ops',
          stacked: true,
          queries: [
            [
              `sum by (store, outcome) (rate(millrace_archive_jobs_total${WORKER}[$__rate_interval]))`,
              '{{store}} {{outcome}}',
            ],
            [`sum(rate(millrace_archive_purged_jobs_total${WORKER}[$__rate_interval]))`, 'purged'],
          ],
        }),
      ],
      Processes: processes('millrace-worker'),
    },
  });

/** The text of each file in the folder dashboards. */
export const dashboardFiles = () =>
  Object.fromEntries(
    Object.entries({ overview, api, workers }).map(([name, make]) => [
      `${name}.json`,
      `${JSON.stringify(make(), null, 2)}\n`,
    ]),
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(dashboardFiles())) {
    writeFileSync(new URL(`dashboards/${file}`, import.meta.url), text);
  }
}
