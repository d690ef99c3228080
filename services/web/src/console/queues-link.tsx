import { Button } from '../ui/button.tsx';
import { request } from './api.ts';
import type { RunAction } from './use-action.ts';

/** How often the session is renewed, milliseconds: it holds for 15 minutes. */
const RENEW_MS = 600_000;

/** Opens the queues of BullMQ in a tab of their own, which sends no key: this page keeps its session alive. */
export function QueuesLink({ run }: { run: RunAction }) {
  const show = () => {
    // before waiting: browsers open a tab only right after a click
    const tab = window.open('about:blank', 'millrace-queues');
    return run(async () => {
      try {
        await openSession();
      } catch (error) {
        tab?.close();
        throw error;
      }
      if (tab === null) throw new Error('The browser has refused to open a tab.');
      tab.location.href = '/console/queues/';
      keepSession();
      return 'The queues are in a tab of their own.';
    });
  };
  return <Button onClick={() => void show()}>Look at the queues</Button>;
}

let renewal: ReturnType<typeof setInterval> | undefined;

/** Until the console is closed, whichever of its views is shown. */
function keepSession(): void {
  clearInterval(renewal);
  renewal = setInterval(() => {
    openSession().catch(() => {
      // the tab with the queues is refused then, and says so
    });
  }, RENEW_MS);
}

async function openSession(): Promise<void> {
  await request('/console/session', { method: 'POST' });
}
