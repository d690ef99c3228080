/** Stands for a mail service that knows idempotency keys. */
const sent = new Map<string, string>();

/** Sends a mail. The same key again is the same mail, which is not sent twice. */
export function send(text: string, idempotencyKey: string): void {
  if (!sent.has(idempotencyKey)) sent.set(idempotencyKey, text);
}
