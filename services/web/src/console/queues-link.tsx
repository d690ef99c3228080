import { Button } from '../ui/button.tsx';
import { request } from './api.ts';
import type { RunAction } from './use-action.ts';

/** How often the session is renewed, milliseconds: it holds for 15 minutes. */
const RENEW_MS = 600_000;

/** How often to look whether the tab with the queues is still there, milliseconds. */
const LOOK_MS = 2_000;

/** Opens the queues of BullMQ in a tab of their own, which sends no key: this page keeps its session alive. */
export function QueuesLink({ run }: { run: RunAction }) {
  const show = () => {
    // before waiting: browsers open a tab only right after a click
    const tab = window.open('about:blank', 'millrace-queues');
    return run(async () => {
      let session: string;
      try {
        session = await openSession();
      } catch (error) {
        tab?.close();
        throw error;
      }
      if (tab === null) {
        await endSession(session);
        throw new Error('The browser has refused to open a tab.');
      }
      tab.location.href = '/console/queues/';
      keepSession(session, tab);
      return 'The queues are in a tab of their own.';
    });
  };
  return <Button onClick={() => void show()}>Look at the queues</Button>;
}

let stopKeeping = () => {};

/** Until the console or the tab with the queues is closed, whichever view of the console is shown; then ends it. */
function keepSession(opened: string, tab: Window): void {
  stopKeeping();
  let session = opened;
  const renewal = setInterval(() => {
    openSession().then(
      (renewed) => {
        session = renewed;
      },
      () => {
        // the tab with the queues is refused then, and says so
      },
    );
  }, RENEW_MS);
  const look = setInterval(() => {
    if (tab.closed) end();
  }, LOOK_MS);
  const end = () => {
    stopKeeping();
    endSession(session).catch(() => {
      // it ends by itself
    });
  };
  stopKeeping = () => {
    clearInterval(renewal);
    clearInterval(look);
    window.removeEventListener('pagehide', end);
  };
  window.addEventListener('pagehide', end);
}

/** @returns its id */
async function openSession(): Promise<string> {
  const answer = await request('/console/session', { method: 'POST' });
  return ((await answer.json()) as { id: string }).id;
}

/** Outlives the page. */
async function endSession(id: string): Promise<void> {
  await request(`/console/session/${id}`, { method: 'DELETE', keepalive: true });
}
