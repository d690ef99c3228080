import { expect, it } from '@jest/globals';
import type * as told from '@millrace/client/admin';
import type { JobInspection } from '../../services/api/src/console/inspect-job.ts';
import type { TenantRow } from '../../services/api/src/console/list-tenants.ts';
import type { Revealed } from '../../services/api/src/console/reveal-content.ts';
import type { ServiceView } from '../../services/api/src/console/service-figures.ts';
import type { TimelineEntry } from '../../services/api/src/console/timeline.ts';
import type { WorkerView } from '../../services/api/src/console/workers.ts';
import type { KeyView } from '../../services/api/src/routes/keys.controller.ts';
import type * as shown from '../../services/web/src/console/views.ts';

/** Compiles only if every A is a B. */
function fits<A extends B, B>(): A | undefined {
  return undefined;
}

it('the console has the types of the API, which it may not import: tsc compares them', () => {
  // both ways: what is new on one side is missing on the other
  fits<ServiceView, told.ServiceView>();
  fits<told.ServiceView, ServiceView>();
  fits<WorkerView, told.WorkerView>();
  fits<told.WorkerView, WorkerView>();
  // the page names what it shows
  fits<JobInspection, shown.JobInspection>();
  fits<TimelineEntry, shown.TimelineEntry>();
  fits<Revealed, shown.Revealed>();
  fits<TenantRow, shown.TenantRow>();
  fits<KeyView, shown.KeyView>();
  expect(fits).toBeDefined();
});
