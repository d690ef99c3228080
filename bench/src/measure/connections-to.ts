import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** How many TCP connections a process has to a port of 127.0.0.1. */
export function connectionsTo(port: number, pid: number): number {
  const sockets = socketsTo(port, readFileSync(`/proc/${pid}/net/tcp`, 'utf8'));
  return readdirSync(`/proc/${pid}/fd`).filter((descriptor) => sockets.has(targetOf(`/proc/${pid}/fd/${descriptor}`)))
    .length;
}

/** The sockets in a /proc/<pid>/net/tcp whose other side is a port of 127.0.0.1, as `/proc/<pid>/fd` names them. @see proc(5) */
export function socketsTo(port: number, tcp: string): Set<string> {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = tcp.split('\n').map((line) => line.trim().split(/\s+/));
  return new Set(rows.filter(([, , other]) => other === remote).map((fields) => `socket:[${fields[9]}]`));
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ''; // it has been closed meanwhile
  }
}
