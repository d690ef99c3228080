import type { MediaPart } from '@millrace/client';
import { size } from './wording.ts';

/** All that is attached to one message: base64 adds a third, and a request has at most 1 MiB with its words. */
const MAX_ATTACHED_BYTES = 700_000;
const MAX_ATTACHMENTS = 10;

export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly part: MediaPart;
}

/** A file cannot be attached; the message says why, for a person. */
export class AttachmentRefused extends Error {
  override readonly name = 'AttachmentRefused';
}

/** Reads files for a message.
 *  @param before what is attached already
 *  @throws AttachmentRefused */
export async function attach(files: readonly File[], before: readonly Attachment[]): Promise<Attachment[]> {
  if (before.length + files.length > MAX_ATTACHMENTS) {
    throw new AttachmentRefused(`A message can have ${MAX_ATTACHMENTS} attachments at most.`);
  }
  const bytes = [...before.map((one) => one.bytes), ...files.map((file) => file.size)].reduce(
    (sum, one) => sum + one,
    0,
  );
  if (bytes > MAX_ATTACHED_BYTES) {
    throw new AttachmentRefused(
      `These attachments have ${size(bytes)}; a message can take ${size(MAX_ATTACHED_BYTES)} in all. Choose smaller ones.`,
    );
  }
  return Promise.all(files.map(read));
}

async function read(file: File): Promise<Attachment> {
  if (file.size === 0) throw new AttachmentRefused(`${file.name} is empty.`);
  const url = await dataUrl(file);
  const part = {
    type: kindOf(file.type),
    data: url.slice(url.indexOf(',') + 1),
    ...(file.type !== '' && { mediaType: file.type }),
    ...(file.name !== '' && { name: file.name.slice(0, 128) }),
  };
  return { id: crypto.getRandomValues(new Uint32Array(2)).join('-'), name: file.name, bytes: file.size, part };
}

function kindOf(mediaType: string): MediaPart['type'] {
  if (mediaType.startsWith('image/')) return 'image';
  return mediaType.startsWith('audio/') ? 'audio' : 'file';
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result)));
    reader.addEventListener('error', () => reject(new AttachmentRefused(`${file.name} cannot be read.`)));
    reader.readAsDataURL(file);
  });
}
