import type { MediaPart } from '@millrace/contracts';

const DATA_URL = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i;

/** Where a part has its bytes: a data URL holds them, any other one says where they are. */
export function mediaSource(url: string): Pick<MediaPart, 'url' | 'data' | 'mediaType'> {
  // a media type is short: of a megabyte of base64 only the start is looked at
  const head = DATA_URL.exec(url.slice(0, 512));
  if (head === null) return { url };
  const [prefix, mediaType] = head;
  return { data: url.slice(prefix.length), ...(mediaType ? { mediaType } : {}) };
}
