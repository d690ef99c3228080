import { Millrace } from '@millrace/client';
import { apiKey } from './api-key.ts';
import { CuttableFetch } from './cuttable-fetch.ts';

/** The way to the service, which the demonstration can cut. */
export const connections = new CuttableFetch();

/** The service that this page came from. */
export const millrace = new Millrace({ apiKey, fetch: connections.fetch });
