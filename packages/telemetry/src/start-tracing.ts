import { isTraced, type TraceContentSettings, type TraceSettings } from './settings.ts';
import type { TracedService, Tracing } from './tracing.ts';

/** Starts the traces of this process, once, before anything else. Without a collector it does nothing, and the SDK is not loaded. */
export async function startTracing(
  settings: TraceSettings & Partial<TraceContentSettings>,
  service: TracedService,
): Promise<Tracing> {
  if (!isTraced(settings)) return { close: async () => undefined };
  const { openSdk } = await import('./sdk/open-sdk.ts');
  return openSdk(settings, service);
}
