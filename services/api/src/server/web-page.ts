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

/** Serves the built page at `/`. @param root its folder */
export async function installWebPage(nest: NestFastifyApplication, root: string): Promise<void> {
  await nest.register(fastifyStatic, {
    root: resolve(root),
    // one route for each file, so that other paths are unknown with any method
    wildcard: false,
    setHeaders: (reply) => {
      reply.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
      reply.header('Referrer-Policy', 'no-referrer');
    },
  });
}
