import type { ConnectionState } from '@millrace/client/conversation';
import { useEffect, useState } from 'react';

/** A cut shorter than this is nobody's concern: what was missed is caught up on. */
const QUIET_MS = 2000;

/** Says quietly that the connection is lost, once that has lasted. */
export function ConnectionNotice({ connection }: { readonly connection: ConnectionState }) {
  const since = connection.state === 'reconnecting' ? connection.since : null;
  const [shownFor, setShownFor] = useState<number | null>(null);
  useEffect(() => {
    if (since === null) return;
    const timer = setTimeout(() => setShownFor(since), Math.max(0, since + QUIET_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [since]);
  const isShown = since !== null && shownFor === since;
  return (
    <p className="connection" role="status" data-shown={isShown}>
      {isShown && 'Connection lost. The answer goes on without you; what you miss will be caught up on.'}
    </p>
  );
}
