import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { freePort, startNginx } from '@millrace/testing';
import { processTree } from '../../measure/cpu.ts';

/** nginx with nchan: whoever subscribes to a channel is sent what is posted to it. */
export interface RunningNchan extends AsyncDisposable {
  readonly port: number;
  readonly pids: readonly number[];
  /** where a publisher posts to, and deletes to end it */
  readonly publishPath: string;
  /** where a reader gets it as server-sent events */
  readonly subscribePath: string;
}

/** Where Debian and nginx.org put modules beside what `nginx -V` says. */
const NGINX = 'nginx';
const MODULE = 'ngx_nchan_module.so';

/** Starts nginx with nchan; null where its module is not installed. */
export async function startNchan(): Promise<RunningNchan | null> {
  const module = modulePath();
  if (module === null) return null;
  const port = await freePort();
  const nginx = await startNginx({ files: { 'nginx.conf': nchanConf(port, module) }, port });
  return {
    port,
    get pids() {
      return processTree(nginx.child.pid);
    },
    publishPath: '/publish',
    subscribePath: '/subscribe',
    [Symbol.asyncDispose]: () => nginx.stop(),
  };
}

function modulePath(): string | null {
  const { stderr } = spawnSync(NGINX, ['-V'], { encoding: 'utf8' });
  const folder = /--modules-path=(\S+)/.exec(stderr ?? '')?.[1];
  const path = `${folder}/${MODULE}`;
  return folder !== undefined && existsSync(path) ? path : null;
}

function nchanConf(port: number, module: string): string {
  return `
load_module ${module};
worker_processes auto;
error_log stderr warn;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path client_body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  tcp_nodelay on;
  nchan_shared_memory_size 128M;
  server {
    listen 127.0.0.1:${port} backlog=8192;
    location = /publish { nchan_publisher; nchan_channel_id answer; nchan_message_timeout 1m; }
    location = /subscribe { nchan_subscriber eventsource; nchan_channel_id answer; nchan_subscriber_first_message oldest; }
  }
}
`;
}
