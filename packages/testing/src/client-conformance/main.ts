/** `npm run conformance:client`: the server of the clients' conformance kit. `PORT`: default 8090. */
import { ConformanceServer } from './conformance-server.ts';

const { url } = await ConformanceServer.start(Number(process.env['PORT'] ?? 8090));
process.stdout.write(
  `Clients are judged at ${url}: GET /scenarios, POST /scenarios/:name, then POST to the run's report.\n`,
);
