import type { AssistantMessage } from '@millrace/client/conversation';
import { useEffect, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { connections, demonstrations } from './service.ts';
import { duration } from './wording.ts';

/** Shows what Millrace is for: whatever breaks, the answer goes on.
 *  @param answer that is being made; undefined: it has not begun */
export function DemonstrationPanel({ answer }: { readonly answer: AssistantMessage | undefined }) {
  const [cuts, setCuts] = useState(0);
  const cut = () => {
    connections.cut();
    setCuts(cuts + 1);
  };
  return (
    <>
      <Button kind="quiet" onClick={cut}>
        Cut the connection
      </Button>
      {demonstrations.offersKill && answer !== undefined && answer.attempt > 0 && <KillButton answer={answer} />}
      {cuts > 0 && <span className="field-hint">Cut {cuts === 1 ? 'once' : `${cuts} times`}. Nothing is missing.</span>}
    </>
  );
}

interface Kill {
  readonly attempt: number;
  /** monotonic, milliseconds */
  readonly at: number;
}

function KillButton({ answer: { jobId, attempt } }: { readonly answer: AssistantMessage }) {
  const [kill, setKill] = useState<Kill | null>(null);
  const [tookMs, setTookMs] = useState<number | null>(null);
  const [isRefused, setIsRefused] = useState(false);
  const isOver = kill !== null && attempt > kill.attempt;
  useEffect(() => {
    if (isOver) setTookMs(performance.now() - kill.at);
  }, [isOver, kill]);
  if (jobId === null) return null;
  const strike = async () => {
    setKill({ attempt, at: performance.now() });
    setTookMs(null);
    const agreed = await demonstrations.killWorkerOf(jobId);
    setIsRefused(!agreed);
    if (!agreed) setKill(null);
  };
  const isWaiting = kill !== null && !isOver;
  return (
    <>
      <Button kind="quiet" disabled={isWaiting} onClick={() => void strike()}>
        Kill the worker
      </Button>
      <span className="field-hint" role="status">
        {isWaiting && 'Killed. Another worker takes over within seconds…'}
        {tookMs !== null && !isWaiting && `Another worker took over after ${duration(tookMs)}.`}
        {isRefused && 'The service refused to kill it.'}
      </span>
    </>
  );
}
