import { createHash } from 'node:crypto';
import { BUILT_IN_PIPELINE, type CreateJobBody } from '@millrace/contracts';

/** Identifies equal requests: sha256 of the validated body, or of what stands for it, as canonical JSON (sorted keys, defaults filled in). The same
 *  id with another fingerprint is refused. @see PROTOCOL.md §2 */
export function fingerprintOf(body: Partial<CreateJobBody>): string {
  return createHash('sha256')
    .update(canonicalJson({ ...body, pipeline: body.pipeline ?? BUILT_IN_PIPELINE }))
    .digest('base64url');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
