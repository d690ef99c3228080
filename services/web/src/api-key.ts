import type { Fetch } from '@millrace/client';

const STORED_AS = 'millrace-api-key';

/** The key that was given in this tab; '': none. It is gone with the tab. */
export function apiKey(): string {
  return sessionStorage.getItem(STORED_AS) ?? '';
}

export function rememberApiKey(key: string): void {
  sessionStorage.setItem(STORED_AS, key);
}

/** `fetch` with the key of the moment: a page may get its key after its client was made. */
export const keyedFetch: Fetch = (url, init) => {
  const headers = new Headers(init.headers);
  const key = apiKey();
  if (key !== '') headers.set('authorization', `Bearer ${key}`);
  return fetch(url, { ...init, headers });
};
