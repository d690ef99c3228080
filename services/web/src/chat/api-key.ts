const STORED_AS = 'millrace-api-key';

/** The key that was given in this tab, asked for before each request. It is gone with the tab. */
export function apiKey(): string | undefined {
  return sessionStorage.getItem(STORED_AS) ?? undefined;
}

export function rememberApiKey(key: string): void {
  sessionStorage.setItem(STORED_AS, key);
}
