import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that keeps objects in memory and answers what a client of S3 asks for: objects by PUT, GET and DELETE, and lists of the second
 *  version. It believes every signature. */
export interface TestObjectServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `/bucket/key` → bytes */
  readonly objects: Map<string, Buffer>;
  /** requests so far, `GET /bucket/key` */
  readonly requests: string[];
  /** answers 503 to everything from now on, or no longer */
  isAway: boolean;
}

export async function startObjectServer(): Promise<TestObjectServer> {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const path = decodeURIComponent(pathname);
    requests.push(`${request.method} ${path}`);
    if (running.isAway) answer(response, 503, errorXml('ServiceUnavailable'));
    else if (request.method === 'PUT') void put(request, response, path);
    else if (request.method === 'DELETE') {
      objects.delete(path);
      answer(response, 204);
    } else if (searchParams.get('list-type') === '2') answer(response, 200, listXml(path, searchParams));
    else {
      const bytes = objects.get(path);
      if (bytes === undefined) answer(response, 404, errorXml('NoSuchKey'));
      else answer(response, 200, bytes);
    }
  });

  async function put(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    objects.set(path, bytes);
    response.setHeader('etag', `"${createHash('md5').update(bytes).digest('hex')}"`);
    answer(response, 200);
  }

  /** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
  function listXml(bucketPath: string, query: URLSearchParams): string {
    const bucket = `${bucketPath.replace(/\/$/, '')}/`;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter');
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const most = Number(query.get('max-keys') ?? 1_000);
    const keys = [...objects.keys()].filter((key) => key.startsWith(bucket)).map((key) => key.slice(bucket.length));
    const found = keys.filter((key) => key.startsWith(prefix)).map((key) => groupOf(key, prefix, delimiter));
    const names = [...new Set(found)].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    const following = names.filter((name) => name > after);
    const page = following.slice(0, most);
    const isTruncated = following.length > page.length;
    const isGroup = (name: string) => delimiter !== null && name.endsWith(delimiter);
    return [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
      `<IsTruncated>${isTruncated}</IsTruncated><KeyCount>${page.length}</KeyCount>`,
      isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '',
      ...page
        .filter((name) => !isGroup(name))
        .map(
          (name) => `<Contents><Key>${name}</Key><Size>${objects.get(`${bucket}${name}`)?.length}</Size></Contents>`,
        ),
      ...page.filter(isGroup).map((name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`),
      '</ListBucketResult>',
    ].join('');
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const running: TestObjectServer = {
    ...{ url: `http://127.0.0.1:${port}`, objects, requests, isAway: false },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return running;
}

/** What a list shows of a key: itself, or what it has up to the delimiter. */
function groupOf(key: string, prefix: string, delimiter: string | null): string {
  const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length);
  return end === -1 ? key : key.slice(0, end + 1);
}

function errorXml(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
}

function answer(response: ServerResponse, status: number, body: string | Buffer = ''): void {
  if (typeof body === 'string' && body !== '') response.setHeader('content-type', 'application/xml');
  response.writeHead(status).end(body);
}
