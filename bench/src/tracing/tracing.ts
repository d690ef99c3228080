/** What traces cost: the same loads without them, without them in another deployment (which shows how far two that are alike
 *  differ), and with one in a hundred, in turns. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Benchmark } from '../benchmark.ts';
import { compare } from '../compare/compare.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import { startMillrace } from '../peers/millrace/millrace.ts';
import { startModelProcess } from '../speed/stage.ts';

export const measureTracing: Benchmark = async ({ rounds, signal }) => {
  await using started = new AsyncDisposableStack();
  const model = await startModelProcess();
  started.use(model.child);
  const generator = started.use(await LoadGenerator.start());
  // a collector that takes everything and keeps nothing
  let batches = 0;
  const collector = createServer((request, response) => {
    batches += 1;
    request.resume().on('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  started.defer(() => {
    collector.closeAllConnections();
    collector.close();
  });
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.01',
  };
  const plain = started.use(await startMillrace(model));
  const alike = started.use(await startMillrace(model));
  const traced = started.use(await startMillrace(model, settings));
  await compare(
    [
      { name: 'without', millrace: plain },
      { name: 'without, too', millrace: alike },
      { name: 'traced, 1 %', millrace: traced },
    ],
    { generator, rounds, signal },
  );
  console.log(`batches that the collector got: ${batches}`);
};
