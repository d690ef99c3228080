import { useState } from 'react';
import { Link } from 'wouter';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/dialog.tsx';
import { late } from '../ui/late.tsx';
import { request } from './api.ts';
import { CancelMany } from './cancel-many.tsx';
import { type ChartProps, Figure } from './figure.tsx';
import { count, duration } from './format.ts';
import { useHistory } from './history.ts';
import { Outcome, Table, Tile } from './parts.tsx';
import { QueuesLink } from './queues-link.tsx';
import { type RunAction, useAction } from './use-action.ts';
import { useLive } from './use-live.ts';
import type { Dimension, ServiceView } from './views.ts';
import { Workers } from './workers.tsx';

const { Component: Chart } = late<ChartProps>(() => import('./chart.tsx'), Figure);
/** The service surveys itself each second, and says so when it cannot. */
const SILENCE_MS = 15_000;
const DIMENSIONS: readonly Dimension[] = ['tenant', 'model', 'pipeline'];
const COLUMNS = [
  ...['Queued', 'Running', 'Oldest wait', 'First token p50', 'p95', 'Tokens/s', '429', '503', 'Take-overs', 'Streams'],
];

/** What the service does now. */
export function NowView() {
  const { state: view, problem } = useLive<ServiceView>('/console/now', 'service', { silenceMs: SILENCE_MS });
  const history = useHistory(view);
  const { run, outcome } = useAction();
  return (
    <main className="console-main">
      <h1>Now</h1>
      {problem !== null && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
      {view === null ? (
        <p className="soft">Waiting for the first figures…</p>
      ) : (
        <>
          <Totals view={view} />
          <Actions view={view} run={run} />
          <Outcome>{outcome}</Outcome>
          <Curves view={view} history={history} />
          <Shares view={view} />
          <Quiet view={view} />
          <Workers view={view} run={run} />
        </>
      )}
    </main>
  );
}

function Totals({ view: { queue, slots, total } }: { view: ServiceView }) {
  return (
    <dl className="tiles">
      <Tile name="Queued" hint={queue.paused ? 'paused' : ''}>
        {count(queue.queued)}
      </Tile>
      <Tile name="Oldest wait">{duration(queue.oldestWaitMs)}</Tile>
      <Tile name="Slots in use" hint={`of ${slots.all}`}>
        {slots.running}
      </Tile>
      <Tile name="First token, p50">{duration(total.firstTokenP50Ms)}</Tile>
      <Tile name="First token, p95" hint={`${total.firstTokens} in a minute`}>
        {duration(total.firstTokenP95Ms)}
      </Tile>
      <Tile name="Tokens per second">{count(total.tokensPerSecond)}</Tile>
      <Tile name="Refused, 429" hint="in a minute">
        {count(total.refused429)}
      </Tile>
      <Tile name="Refused, 503" hint="in a minute">
        {count(total.refused503)}
      </Tile>
      <Tile name="Take-overs" hint="in a minute">
        {count(total.takeOvers)}
      </Tile>
      <Tile name="Open streams">{count(total.streams)}</Tile>
    </dl>
  );
}

function Actions({ view, run }: { view: ServiceView; run: RunAction }) {
  const [isAsking, setAsking] = useState<'pause' | 'cancel' | null>(null);
  const { paused } = view.queue;
  const change = (to: 'pause' | 'resume') =>
    run(async () => {
      await request(`/queue/${to}`, { method: 'POST' });
      return to === 'pause' ? 'The queue is paused.' : 'The queue is resumed.';
    });
  return (
    <div className="actions">
      {paused ? (
        <Button kind="primary" onClick={() => void change('resume')}>
          Resume the queue
        </Button>
      ) : (
        <Button onClick={() => setAsking('pause')}>Pause the queue</Button>
      )}
      <Button onClick={() => setAsking('cancel')}>Cancel many jobs</Button>
      <QueuesLink run={run} />
      <ConfirmDialog
        title="Pause the queue?"
        action="Pause"
        isOpen={isAsking === 'pause'}
        onClose={() => setAsking(null)}
        onConfirm={() => void change('pause')}
      >
        No worker takes a job until the queue is resumed. Running jobs go on; new ones are accepted and wait.
      </ConfirmDialog>
      {isAsking === 'cancel' && <CancelMany onClose={() => setAsking(null)} run={run} />}
    </div>
  );
}

function Curves({ view, history }: { view: ServiceView; history: ReturnType<typeof useHistory> }) {
  return (
    <section className="charts" aria-label="The last minutes">
      <Chart
        name="Tokens per second"
        newest={count(view.total.tokensPerSecond)}
        data={[history.times, history.tokensPerSecond]}
      />
      <Chart name="Queued jobs" newest={count(view.queue.queued)} data={[history.times, history.queued]} />
      <Chart
        name="First token p95, ms"
        newest={duration(view.total.firstTokenP95Ms)}
        data={[history.times, history.firstTokenP95Ms]}
      />
    </section>
  );
}

function Shares({ view }: { view: ServiceView }) {
  const [dimension, setDimension] = useState<Dimension>('tenant');
  const rows = view.by[dimension];
  return (
    <section>
      <div className="section-head">
        <h2>By {dimension}</h2>
        <fieldset className="choice">
          <legend className="visually-hidden">By</legend>
          {DIMENSIONS.map((name) => (
            <Button key={name} kind="quiet" aria-pressed={name === dimension} onClick={() => setDimension(name)}>
              {name}
            </Button>
          ))}
        </fieldset>
      </div>
      <Table
        label={`Figures by ${dimension}`}
        columns={[dimension, ...COLUMNS]}
        empty={rows.length === 0 ? 'Nothing within the last minute.' : null}
      >
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row">{row.name}</th>
            <td>{count(row.queued)}</td>
            <td>{count(row.active)}</td>
            <td>{duration(row.oldestWaitMs)}</td>
            <td>{duration(row.firstTokenP50Ms)}</td>
            <td>{duration(row.firstTokenP95Ms)}</td>
            <td>{count(row.tokensPerSecond)}</td>
            <td data-alarm={row.refused429 > 0 || undefined}>{count(row.refused429)}</td>
            <td data-alarm={row.refused503 > 0 || undefined}>{count(row.refused503)}</td>
            <td>{count(row.takeOvers)}</td>
            <td>{count(row.streams)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Quiet({ view: { quiet } }: { view: ServiceView }) {
  return (
    <section>
      <h2>Quiet jobs</h2>
      <Table
        label="Running jobs of which nothing was stored for five seconds"
        columns={['Job', 'Tenant', 'Pipeline', 'Model', 'Attempt', 'Quiet for', 'Running for']}
        empty={quiet.length === 0 ? 'Every running job has said something within the last five seconds.' : null}
      >
        {quiet.map((job) => (
          <tr key={`${job.tenant}/${job.id}`}>
            <th scope="row">
              <Link href={`/jobs/${job.tenant}/${job.id}`}>{job.id}</Link>
            </th>
            <td>{job.tenant}</td>
            <td>{job.pipeline}</td>
            <td>{job.model}</td>
            <td>{job.attempt}</td>
            <td data-alarm>{duration(job.quietMs)}</td>
            <td>{duration(job.runningMs)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
