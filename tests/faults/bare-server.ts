import { createServer } from 'node:http';

/** The least that a stream can cost in Node: a response that is kept open, with a head and one event. Run as a process
 *  of its own, so that the memory of the service can be compared with that of nothing but `node:http`. */
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
