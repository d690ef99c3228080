import { type FormEvent, useCallback, useEffect, useState } from 'react';
import { Link, Route, Router, Switch, useLocation } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { apiKey, rememberApiKey } from '../chat/api-key.ts';
import { Button } from '../ui/button.tsx';
import { get, Refused } from './api.ts';
import { JobView } from './job-view.tsx';
import { JobsView } from './jobs-view.tsx';
import { NowView } from './now-view.tsx';
import { TenantsView } from './tenants-view.tsx';
import type { Caller } from './views.ts';

/** The console: for admins, and what concerns their own tenant for managers. */
export function Console() {
  const [caller, setCaller] = useState<Caller | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const ask = useCallback(() => {
    get<Caller>('/console/caller').then(setCaller, (error: Error) => {
      const isKeyless = error instanceof Refused && error.status === 401 && apiKey() === undefined;
      setRefused(isKeyless ? '' : error.message);
    });
  }, []);
  useEffect(ask, [ask]);
  if (caller === null) return refused === null ? null : <KeyForm problem={refused} onKey={ask} />;
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

/** @param problem why the present key does not do; empty: there is none */
function KeyForm({ problem, onKey }: { problem: string; onKey: () => void }) {
  const [key, setKey] = useState('');
  const use = (event: FormEvent) => {
    event.preventDefault();
    rememberApiKey(key.trim());
    onKey();
  };
  return (
    <main className="console-main console-gate">
      <h1>Console</h1>
      {problem !== '' && (
        <p className="notice" role="alert">
          {problem}
        </p>
      )}
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
    </main>
  );
}
