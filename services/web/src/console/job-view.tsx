import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/dialog.tsx';
import { request } from './api.ts';
import { between, bytes, count, time } from './format.ts';
import { JobContent } from './job-content.tsx';
import { Outcome, Table, Tile } from './parts.tsx';
import { useAction } from './use-action.ts';
import { useLive } from './use-live.ts';
import type { JobInspection, TimelineEntry } from './views.ts';

const hasEnded = ({ job }: JobInspection) => job.finishedAt !== null;

/** What happened to one job. */
export function JobView({ tenant, id }: { readonly tenant: string; readonly id: string }) {
  const path = `/console/jobs/${encodeURIComponent(id)}?tenant=${encodeURIComponent(tenant)}`;
  const { state, problem } = useLive<JobInspection>(path, 'job', { isLast: hasEnded });
  return (
    <main className="console-main">
      <h1>
        Job <code>{id}</code>
      </h1>
      {problem !== null && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
      {state === null ? (
        problem === null && <p className="soft">Looking…</p>
      ) : (
        <>
          <Facts inspection={state} />
          <JobActions inspection={state} />
          <Acts inspection={state} />
          <Log inspection={state} />
        </>
      )}
    </main>
  );
}

function Facts({ inspection: { job, readers, traceUrl } }: { inspection: JobInspection }) {
  const all = readers.reduce((sum, node) => sum + node.readers, 0);
  const where = readers.map((node) => `${node.readers} on ${node.host ?? ''} ${node.node.slice(0, 8)}`).join(', ');
  return (
    <>
      <dl className="tiles">
        <Tile name="Status" hint={job.error?.code ?? ''}>
          {job.status}
        </Tile>
        <Tile name="Tenant">{job.tenant}</Tile>
        <Tile name="Pipeline">{job.pipeline}</Tile>
        <Tile name="Model">{job.model}</Tile>
        <Tile name="Attempts" hint={job.losses > 0 ? `${job.losses} workers lost` : ''}>
          {job.attempt}
        </Tile>
        <Tile name="Readers" hint={where}>
          {all}
        </Tile>
        <Tile name="Accepted">{time(job.createdAt)}</Tile>
        <Tile name="Waited">{between(job.createdAt, job.startedAt)}</Tile>
        <Tile name="First token after">{between(job.createdAt, job.firstTokenAt)}</Tile>
        <Tile name="Took">{between(job.createdAt, job.finishedAt)}</Tile>
        <Tile name="Log">{bytes(job.bytes.log)}</Tile>
        <Tile name="Tokens" hint="in, out">
          {job.usage === null ? '–' : `${count(job.usage.inputTokens)}, ${count(job.usage.outputTokens)}`}
        </Tile>
      </dl>
      {job.error !== null && <p className="notice">{job.error.message}</p>}
      {traceUrl !== null && (
        <p>
          <a href={traceUrl} rel="noreferrer">
            Open the trace
          </a>
        </p>
      )}
    </>
  );
}

function JobActions({ inspection: { job } }: { inspection: JobInspection }) {
  const [isAsking, setAsking] = useState(false);
  const { run, outcome } = useAction();
  const cancel = () =>
    run(async () => {
      await request(`/jobs/${encodeURIComponent(job.id)}?tenant=${encodeURIComponent(job.tenant)}`, {
        method: 'DELETE',
      });
      return 'The job is cancelled.';
    });
  return (
    <>
      <div className="actions">
        {job.finishedAt === null && (
          <Button kind="danger" onClick={() => setAsking(true)}>
            Cancel the job
          </Button>
        )}
        <JobContent job={job} />
      </div>
      <Outcome>{outcome}</Outcome>
      <ConfirmDialog
        title="Cancel the job?"
        action="Cancel the job"
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        onConfirm={() => void cancel()}
      >
        Its readers get what was said so far, and that it was cancelled by an admin.
      </ConfirmDialog>
    </>
  );
}

function Acts({ inspection: { audit } }: { inspection: JobInspection }) {
  if (audit.length === 0) return null;
  return (
    <section>
      <h2>Who did what</h2>
      <Table label="Audit log" columns={['When', 'What', 'Who', 'Details']} empty={null}>
        {audit.map(({ at, action, by, details }) => (
          <tr key={`${at} ${action}`}>
            <td>{time(at)}</td>
            <th scope="row">{action}</th>
            <td>
              {by.role} of {by.tenant}
              {by.subject === null ? '' : `: ${by.subject}`}
            </td>
            <td>{details === undefined ? '' : factsText(details)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Log({ inspection: { timeline, omitted, logExpired } }: { inspection: JobInspection }) {
  return (
    <section>
      <h2>Log</h2>
      {omitted > 0 && <p className="soft">{omitted} entries in the middle are left out.</p>}
      {logExpired ? (
        <p className="soft">The log has expired.</p>
      ) : (
        <ol className="timeline">
          {timeline.map((entry) => (
            <Entry key={entry.from} entry={entry} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Entry({ entry: { type, from, to, count: events, bytes: size, facts } }: { entry: TimelineEntry }) {
  const range = from === to ? from : `${from} … ${to}`;
  return (
    <li data-type={type}>
      <strong>{type}</strong> <code>{range}</code>{' '}
      <span className="soft">
        {events > 1 ? `${events} events, ` : ''}
        {bytes(size)}
      </span>
      {Object.keys(facts).length > 0 && <span className="facts">{factsText(facts)}</span>}
    </li>
  );
}

function factsText(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(' · ');
}
