import { type FormEvent, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { Button } from '../ui/button.tsx';
import { get } from './api.ts';
import { between, time } from './format.ts';
import { Outcome, Table } from './parts.tsx';
import type { JobSummary, Page } from './views.ts';

const STATUSES = ['queued', 'active', 'completed', 'failed', 'cancelled'];

interface Filter {
  readonly id: string;
  readonly status: string;
  readonly tenant: string;
  readonly pipeline: string;
}

const INCOMPLETE =
  'Some jobs are missing here: one of the Redis or the archive does not answer, or the archive cannot give all that it has.';

const ALL: Filter = { id: '', status: '', tenant: '', pipeline: '' };

/** Finds jobs: the latest ones, or by id. */
export function JobsView() {
  const [filter, setFilter] = useState(ALL);
  const [wanted, setWanted] = useState(ALL);
  const { page, problem, more } = useJobs(wanted);
  const [, navigate] = useLocation();
  const find = (event: FormEvent) => {
    event.preventDefault();
    setWanted({ ...filter });
  };
  const only = wanted.id !== '' && page?.items.length === 1 ? page.items[0] : undefined;
  useEffect(() => {
    if (only !== undefined) navigate(`/jobs/${only.tenant}/${only.id}`);
  }, [only, navigate]);
  const field = (name: keyof Filter, label: string) => (
    <label className="field">
      <span className="field-label">{label}</span>
      <input
        className="input"
        value={filter[name]}
        onChange={(event) => setFilter({ ...filter, [name]: event.target.value.trim() })}
      />
    </label>
  );
  return (
    <main className="console-main">
      <h1>Jobs</h1>
      <form className="filters" onSubmit={find}>
        {field('id', 'Request id')}
        <label className="field">
          <span className="field-label">Status</span>
          <select
            className="input"
            value={filter.status}
            onChange={(event) => setFilter({ ...filter, status: event.target.value })}
          >
            <option value="">any</option>
            {STATUSES.map((status) => (
              <option key={status}>{status}</option>
            ))}
          </select>
        </label>
        {field('tenant', 'Tenant')}
        {field('pipeline', 'Pipeline')}
        <Button type="submit" kind="primary">
          Find
        </Button>
      </form>
      <Outcome>{problem ?? (page?.incomplete ? INCOMPLETE : null)}</Outcome>
      {(page !== null || problem === null) && <Jobs page={page} />}
      {page !== null && page.nextCursor !== null && <Button onClick={() => void more()}>Older jobs</Button>}
    </main>
  );
}

/** @param page null: it is being read */
function Jobs({ page }: { readonly page: Page<JobSummary> | null }) {
  return (
    <Table
      label="Jobs"
      columns={['Job', 'Tenant', 'Status', 'Pipeline', 'Model', 'Attempts', 'Accepted', 'Took']}
      empty={page === null ? 'Looking…' : page.items.length === 0 ? 'No such job.' : null}
    >
      {page?.items.map((job) => (
        <tr key={`${job.tenant}/${job.id}`}>
          <th scope="row">
            <Link href={`/jobs/${job.tenant}/${job.id}`}>{job.id}</Link>
          </th>
          <td>{job.tenant}</td>
          <td data-status={job.status}>{job.error === null ? job.status : `${job.status}: ${job.error.code}`}</td>
          <td>{job.pipeline}</td>
          <td>{job.model}</td>
          <td>{job.attempt}</td>
          <td>{time(job.createdAt)}</td>
          <td>{between(job.createdAt, job.finishedAt)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** What is known of the jobs that one filter finds. A filter is another one each time that somebody asks, with the same words, too. */
interface Found {
  readonly filter: Filter;
  readonly page: Page<JobSummary> | null;
  /** why there is nothing, or nothing more */
  readonly problem: string | null;
}

function useJobs(filter: Filter) {
  const [latest, setLatest] = useState<Found>({ filter, page: null, problem: null });
  // what another filter has found is not shown under this one
  const found: Found = latest.filter === filter ? latest : { filter, page: null, problem: null };
  useEffect(() => {
    const leaving = new AbortController();
    const show = (page: Page<JobSummary> | null, problem: string | null) => {
      if (!leaving.signal.aborted) setLatest({ filter, page, problem });
    };
    readJobs(filter, null, leaving.signal).then(
      (page) => show(page, null),
      (error: Error) => show(null, error.message),
    );
    return () => leaving.abort();
  }, [filter]);
  const more = async () => {
    const { page } = found;
    if (page === null) return;
    let after: Found;
    try {
      const next = await readJobs(filter, page.nextCursor);
      after = { filter, page: { ...next, items: [...page.items, ...next.items] }, problem: null };
    } catch (error) {
      after = { filter, page, problem: (error as Error).message };
    }
    // the page that this goes on from may have been left meanwhile
    setLatest((now) => (now.page === page ? after : now));
  };
  return { ...found, more };
}

/** @param cursor null: the latest jobs */
function readJobs(filter: Filter, cursor: string | null, signal?: AbortSignal): Promise<Page<JobSummary>> {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''));
  if (cursor !== null) query.set('cursor', cursor);
  return get(`/console/jobs?${query}`, signal);
}
