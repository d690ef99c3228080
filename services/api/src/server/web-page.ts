import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Addresses inside the page's applications, and the file that answers each: the application reads the address itself. */
const DEEP_LINKS: Readonly<Record<string, readonly string[]>> = {
  'index.html': ['/c/:thread', '/watch/:id'],
  'console.html': ['/console'],
};

/** Serves the built page at `/`. @param root its folder */
export async function installWebPage(nest: NestFastifyApplication, root: string): Promise<void> {
  const folder = resolve(root);
  await nest.register(fastifyStatic, {
    root: folder,
    // one route for each file, so that other paths are unknown with any method
    wildcard: false,
    setHeaders: (reply, path) => {
      reply.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
      reply.header('Referrer-Policy', 'no-referrer');
      // the names of built assets change with their content
      if (path.startsWith(resolve(folder, 'assets'))) {
        reply.header('Cache-Control', 'public, max-age=31536000, immutable');
      }
    },
  });
  const fastify = nest.getHttpAdapter().getInstance();
  for (const [file, paths] of Object.entries(DEEP_LINKS)) {
    if (!existsSync(resolve(folder, file))) continue;
    for (const path of paths) fastify.get(path, (_request, reply) => reply.sendFile(file));
  }
}
