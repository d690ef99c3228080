import { useEffect, useRef } from 'react';

/** Does something when a person comes back to the page, or the page to the network: what happened meanwhile is not known there. */
export function useReturn(onReturn: () => void): void {
  const latest = useRef(onReturn);
  latest.current = onReturn;
  useEffect(() => {
    const come = () => {
      if (document.visibilityState === 'visible') latest.current();
    };
    document.addEventListener('visibilitychange', come);
    addEventListener('online', come);
    return () => {
      document.removeEventListener('visibilitychange', come);
      removeEventListener('online', come);
    };
  }, []);
}
