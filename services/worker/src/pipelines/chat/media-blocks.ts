import type { MediaPart } from '@millrace/contracts';

/** How base64 begins of what a part may hold. */
const SIGNATURES: readonly (readonly [prefix: string, mediaType: string])[] = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['SUQz', 'audio/mpeg'],
  ['//u', 'audio/mpeg'],
  ['JVBERi', 'application/pdf'],
];

const DEFAULT_TYPES = { image: 'image/png', audio: 'audio/wav', file: 'application/pdf' };

/** The names of Chat Completions for formats of audio, where they are not those of the media type. */
const AUDIO_FORMATS: Readonly<Record<string, string>> = { mpeg: 'mp3', 'x-wav': 'wav', wave: 'wav', 'vnd.wave': 'wav' };

/** A part in the form of Chat Completions. A URL of audio or of a file is no part of OpenAI's protocol: the form is that of the
 *  servers that accept one, and the others refuse it. */
export function openAiBlock(part: MediaPart) {
  const { type, url, data = '' } = part;
  const mediaType = mediaTypeOf(part);
  if (type === 'image') {
    return { type: 'image_url' as const, image_url: { url: url ?? `data:${mediaType};base64,${data}` } };
  }
  if (type === 'file') {
    const filename = part.name ?? `file.${mediaType.slice(mediaType.indexOf('/') + 1)}`;
    return { type: 'file' as const, file: { filename, file_data: url ?? `data:${mediaType};base64,${data}` } };
  }
  if (url !== undefined) return { type: 'audio_url' as const, audio_url: { url } };
  const subtype = mediaType.slice(mediaType.indexOf('/') + 1);
  return { type: 'input_audio' as const, input_audio: { data, format: AUDIO_FORMATS[subtype] ?? subtype } };
}

/** A part in LangChain's own form. */
export function dataBlock(part: MediaPart) {
  const { type, url, data = '', name } = part;
  const common = {
    type,
    mime_type: mediaTypeOf(part),
    ...(name === undefined ? {} : { metadata: { filename: name } }),
  };
  return url === undefined
    ? { ...common, source_type: 'base64' as const, data }
    : { ...common, source_type: 'url' as const, url };
}

/** The media type of a part, as the caller named it or as its first bytes tell. */
function mediaTypeOf({ type, data = '', mediaType }: MediaPart): string {
  if (mediaType !== undefined) return mediaType.toLowerCase();
  // "RIFF" begins both WebP and WAV, and their size comes before their name
  if (data.startsWith('UklGR')) return type === 'audio' ? 'audio/wav' : 'image/webp';
  return SIGNATURES.find(([prefix]) => data.startsWith(prefix))?.[1] ?? DEFAULT_TYPES[type];
}
