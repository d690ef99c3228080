import { freePort, startNginx, type TestNginx } from '@millrace/testing';

/** nginx before a peer, as its documentation would have it for streams: no buffering, HTTP/1.1, connections kept for
 *  less time than Node keeps them (5 s). It has as many worker processes as Millrace's, and logs nothing.
 *  @param ports where the peer's processes listen */
export async function startPlainProxy(ports: readonly number[]): Promise<TestNginx & { readonly port: number }> {
  const port = await freePort();
  const nginx = await startNginx({ files: { 'nginx.conf': plainProxyConf(port, ports) }, port });
  return Object.assign(nginx, { port });
}

/** @param listen the port of the proxy
 *  @param ports the ports behind it */
function plainProxyConf(listen: number, ports: readonly number[]): string {
  return `
worker_processes auto;
error_log stderr warn;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path client_body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  tcp_nodelay on;
  upstream peer { ${ports.map((each) => `server 127.0.0.1:${each};`).join(' ')} least_conn; keepalive 64; keepalive_timeout 3s; }
  server {
    listen 127.0.0.1:${listen};
    location / {
      proxy_pass http://peer;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}
`;
}
