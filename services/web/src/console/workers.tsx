import { Button } from '../ui/button.tsx';
import { request } from './api.ts';
import { time } from './format.ts';
import { Table } from './parts.tsx';
import type { RunAction } from './use-action.ts';
import type { ServiceView } from './views.ts';

/** The processes, and what a worker can be told. */
export function Workers({ view: { workers, nodes }, run }: { view: ServiceView; run: RunAction }) {
  const tell = (id: string, order: 'drain' | 'resume') =>
    run(async () => {
      await request(`/workers/${id}/${order}`, { method: 'POST' });
      return order === 'drain' ? 'The worker takes no more jobs.' : 'The worker takes jobs again.';
    });
  return (
    <>
      <section>
        <h2>Workers</h2>
        <Table
          label="Workers"
          columns={['Worker', 'Host', 'Version', 'State', 'Running', 'Slots', 'Since', 'Action']}
          empty={workers.length === 0 ? 'No worker was seen within the last 15 seconds: no job runs.' : null}
        >
          {workers.map(({ id, host, version, state, running, slots, startedAt }) => (
            <tr key={id}>
              <th scope="row">{id.slice(0, 8)}</th>
              <td>{host}</td>
              <td>{version}</td>
              <td data-alarm={state !== 'running' || undefined}>{state}</td>
              <td>{running}</td>
              <td>{slots}</td>
              <td>{time(startedAt)}</td>
              <td>
                {state === 'running' ? (
                  <Button aria-label={`Drain worker ${id.slice(0, 8)}`} onClick={() => void tell(id, 'drain')}>
                    Drain
                  </Button>
                ) : (
                  <Button aria-label={`Resume worker ${id.slice(0, 8)}`} onClick={() => void tell(id, 'resume')}>
                    Resume
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      </section>
      <section>
        <h2>API nodes</h2>
        <Table label="API nodes" columns={['Node', 'Host', 'Version', 'State', 'Streams', 'Since']} empty={null}>
          {nodes.map(({ id, host, version, state, streams, startedAt }) => (
            <tr key={id}>
              <th scope="row">{id.slice(0, 8)}</th>
              <td>{host}</td>
              <td>{version}</td>
              <td>{state}</td>
              <td>{streams}</td>
              <td>{time(startedAt)}</td>
            </tr>
          ))}
        </Table>
      </section>
    </>
  );
}
