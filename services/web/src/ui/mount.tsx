import './theme.css';
import './base.css';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { type ReactNode, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { LastResort } from './last-resort.tsx';
import { applyTheme } from './theme.ts';

/** Renders an application into the page's `#root`, with the theme that was chosen.
 *  @throws TypeError the page has no `#root` */
export function mount(application: ReactNode): void {
  const root = document.getElementById('root');
  if (root === null) throw new TypeError('the page has no #root');
  applyTheme();
  createRoot(root).render(
    <StrictMode>
      {/* the policy of the page allows no inline style element */}
      <CSPProvider disableStyleElements>
        <LastResort>{application}</LastResort>
      </CSPProvider>
    </StrictMode>,
  );
}
