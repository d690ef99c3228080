import { type FormEvent, useState } from 'react';
import { Link, Route, Router, Switch, useLocation } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { apiKey, rememberApiKey } from '../chat/api-key.ts';
import { Button } from '../ui/button.tsx';
import { get, Refused } from './api.ts';
import { JobView } from './job-view.tsx';
import { JobsView } from './jobs-view.tsx';
import { NowView } from './now-view.tsx';
import { Problem } from './parts.tsx';
import { TenantsView } from './tenants-view.tsx';
import { useRead } from './use-read.ts';
import type { Caller } from './views.ts';

/** The console: for admins, and what concerns their own tenant for managers. */
export function Console() {
  const { value: caller, error, readAgain } = useRead(readCaller);
  if (caller === null) return error === null ? null : <Gate error={error} onKey={readAgain} />;
  const seesService = caller.permissions.includes('service:read');
  return (
    <Router hook={useHashLocation}>
      <header className="console-head">
        <a className="console-name" href="/">
          Millrace
        </a>
        <nav aria-label="Console">
          {seesService && <NavLink to="/">Now</NavLink>}
          <NavLink to="/jobs">Jobs</NavLink>
          <NavLink to="/tenants">Tenants</NavLink>
        </nav>
        <span className="soft">
          {caller.role} of {caller.tenant}
        </span>
      </header>
      <Switch>
        <Route path="/jobs/:tenant/:id">
          {({ tenant, id }) => <JobView key={`${tenant}/${id}`} tenant={tenant} id={id} />}
        </Route>
        <Route path="/jobs">
          <JobsView />
        </Route>
        <Route path="/tenants">
          <TenantsView permissions={caller.permissions} />
        </Route>
        <Route>{seesService ? <NowView /> : <JobsView />}</Route>
      </Switch>
    </Router>
  );
}

function NavLink({ to, children }: { to: string; children: string }) {
  const [location] = useLocation();
  const isHere = to === '/' ? location === '/' : location.startsWith(to);
  return (
    <Link href={to} aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  );
}

function readCaller(signal: AbortSignal): Promise<Caller> {
  return get('/console/caller', signal);
}

/** In place of the console, to whom it does not open. */
function Gate({ error, onKey }: { error: unknown; onKey: () => void }) {
  // an address that had too many wrong keys gets 429: the right one is let in
  const isDenied = error instanceof Refused && [401, 403, 429].includes(error.status);
  const isKeyless = isDenied && error.status === 401 && apiKey() === undefined;
  return (
    <main className="console-main console-gate">
      <h1>Console</h1>
      {!isKeyless && <Problem error={error} />}
      {isDenied && <KeyForm onKey={onKey} />}
    </main>
  );
}

function KeyForm({ onKey }: { onKey: () => void }) {
  const [key, setKey] = useState('');
  const use = (event: FormEvent) => {
    event.preventDefault();
    rememberApiKey(key.trim());
    onKey();
  };
  return (
    <form className="form" onSubmit={use}>
      <label className="field">
        <span className="field-label">Key of an admin or manager</span>
        <input
          className="input"
          type="password"
          autoComplete="off"
          required
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <span className="field-hint">It is kept in this tab only, until you close it.</span>
      </label>
      <Button type="submit" kind="primary">
        Open the console
      </Button>
    </form>
  );
}
