import { createServer } from 'node:http';

/** The minimal cost of a stream in Node: an open response with a head and one event. Runs in its own process, so that
 *  the memory of the service can be compared with that of bare `node:http`. */
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-request-id': crypto.randomUUID(),
  });
  response.write('id: 0-1\nevent: accepted\ndata: {}\n\n');
  open.add(response);
  response.on('close', () => open.delete(response));
});
const open = new Set<object>();
server.listen(Number(process.env['PORT']), '127.0.0.1', () => process.stdout.write('listening\n'));
