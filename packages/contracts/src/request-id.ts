import { z } from 'zod';

/** The id of a job, everywhere: path, `X-Request-Id`, Redis keys, queue entry, logs.
 *  Never all digits: BullMQ mistakes such a custom job id for one of its own counters.
 *  @see PROTOCOL.md §2 */
export const requestIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/, 'must be 16 to 64 characters of A-Z, a-z, 0-9, "_" and "-"')
  .refine((id) => !/^\d+$/.test(id), 'must not be all digits');

/** @returns a fresh id of 144 random bits, 24 characters of base64url */
export function newRequestId(): string {
  const id = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
  // nor one that a command line takes for an option
  return /^(\d+$|-)/.test(id) ? newRequestId() : id;
}
