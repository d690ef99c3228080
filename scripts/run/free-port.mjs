import { createServer } from 'node:net';
import { codeOf, Problem } from '../setup/problem.mjs';

/**
 * A loopback port that nobody listens on at this moment, chosen by the system.
 * @returns {Promise<number>}
 */
export async function freePort() {
  const server = await listen(0, '127.0.0.1');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/**
 * Makes sure that the public port can be had, before anything slow begins.
 * @param {number} port
 * @param {string} host
 * @throws {Problem} it is taken or not allowed
 */
export async function assertPortIsFree(port, host) {
  try {
    const server = await listen(port, host);
    await new Promise((resolve) => server.close(resolve));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EADDRINUSE') {
      throw new Problem(`Port ${port} on ${host} is taken.`, `Choose another one: PORT=${port + 1} npm start`);
    }
    if (code === 'EACCES') {
      throw new Problem(`Port ${port} needs more rights than you have.`, 'Choose one above 1023: PORT=8080 npm start');
    }
    if (code === 'EADDRNOTAVAIL') {
      throw new Problem(`${host} is no address of this machine.`, 'Leave HOST away for 127.0.0.1.');
    }
    throw error;
  }
}

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<import('node:net').Server>}
 */
function listen(port, host) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}
