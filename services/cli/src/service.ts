import { readFileSync } from 'node:fs';
import { Millrace } from '@millrace/client';
import { MillraceAdmin } from '@millrace/client/admin';
import { EXIT, Exit } from './exit-codes.ts';

/** Where the service is, and as whom to ask: options of every command that asks it. */
export interface ServiceOptions {
  readonly url: string;
  readonly apiKeyFile?: string;
}

export const DEFAULT_URL = 'http://localhost:8080';

/** The service that a command asks. */
export interface Service {
  readonly url: string;
  readonly millrace: Millrace;
  readonly admin: MillraceAdmin;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws Exit the URL or the key's file cannot be used */
export function serviceOf({ url, apiKeyFile }: ServiceOptions, env: NodeJS.ProcessEnv = process.env): Service {
  const baseUrl = checkedUrl(url);
  const apiKey = apiKeyOf(apiKeyFile, env);
  const options = { baseUrl, ...(apiKey === undefined ? {} : { apiKey }) };
  return {
    url: baseUrl,
    millrace: new Millrace({ ...options, maxFailures: 8 }),
    admin: new MillraceAdmin(options),
    headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
  };
}

/** A key never stands in the arguments, which every user of a machine can see. */
function apiKeyOf(option: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const file = option ?? env['MILLRACE_API_KEY_FILE'];
  if (file === undefined || file === '') return env['MILLRACE_API_KEY'] || undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Exit(EXIT.usage, `the file of the API key cannot be read: ${messageOf(error)}`);
  }
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new Exit(EXIT.usage, `--url ${text} is no http or https URL, such as ${DEFAULT_URL}`);
  }
  return text.replace(/\/$/, '');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
