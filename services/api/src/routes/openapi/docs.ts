import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import scalar from '@scalar/fastify-api-reference';

/** Everything the page needs comes from this server. Its own script is inline and sets styles, hence 'unsafe-inline';
 *  the page shows nothing that a caller could have written. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the reference at `/docs`, made in the browser from `/openapi.json`. */
export async function installDocs(nest: NestFastifyApplication): Promise<void> {
  await nest.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/openapi.json',
      pageTitle: 'Millrace API',
      withDefaultFonts: false,
      telemetry: false,
      showDeveloperTools: 'never',
      agent: { disabled: true },
    },
    hooks: {
      onRequest: (_request, reply, done) => {
        reply.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
        done();
      },
    },
  });
}
