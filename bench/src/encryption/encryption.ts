/** What encryption at rest costs: the same loads without it and with it, in turns. */
import { randomBytes } from 'node:crypto';
import type { Benchmark } from '../benchmark.ts';
import { compare } from '../compare/compare.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { startMillrace } from '../peers/millrace/millrace.ts';
import { startModelProcess } from '../speed/stage.ts';

export const measureEncryption: Benchmark = async ({ rounds, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  const settings = { MILLRACE_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}` };
  const plain = started.use(await startMillrace(model));
  const sealed = started.use(await startMillrace(model, settings));
  await compare(
    [
      { name: 'without', millrace: plain },
      { name: 'encrypted', millrace: sealed },
    ],
    { generator, rounds, signal },
  );
};
