import { Millrace } from '@millrace/client';
import { apiKey } from './api-key.ts';
import { CuttableFetch } from './cuttable-fetch.ts';
import { Demonstrations } from './demonstrations.ts';

/** The way to the service, which the demonstration can cut. */
export const connections = new CuttableFetch();

/** What the service shows off, if it does. */
export const demonstrations = new Demonstrations(connections.fetch, apiKey);

/** The service that this page came from. */
export const millrace = new Millrace({ apiKey, fetch: demonstrations.fetch });
