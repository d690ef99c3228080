interface RequestParts {
  readonly method?: 'POST' | 'GET';
  readonly path: string;
  /** sent as JSON */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as it goes over the wire, whose answer ends with the connection. */
export function requestText({ method = 'POST', path, body, headers = {} }: RequestParts): string {
  const json = body === undefined ? '' : JSON.stringify(body);
  const fields = {
    host: '127.0.0.1',
    connection: 'close',
    accept: 'text/event-stream',
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(json)) }),
    ...headers,
  };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${json}`;
}
