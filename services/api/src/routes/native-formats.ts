import { NativeFormat, type StreamFormat, TextFormat } from '@millrace/protocols';
import { Inject, Injectable } from '@nestjs/common';
import type { ApiSettings } from '../settings.ts';
import { SETTINGS } from '../tokens.ts';

/** The media types of the service's own streams, the preferred one first. */
export const STREAM_TYPES = ['text/event-stream', 'text/plain'] as const;
export type StreamType = (typeof STREAM_TYPES)[number];

/** The formats of the service's own streams, by media type. @see PROTOCOL.md §2 */
@Injectable()
export class NativeFormats {
  readonly #formats: Readonly<Record<StreamType, StreamFormat>>;

  constructor(@Inject(SETTINGS) settings: ApiSettings) {
    this.#formats = {
      'text/event-stream': new NativeFormat({ retryMs: settings.MILLRACE_RETRY_MS }),
      'text/plain': new TextFormat(),
    };
  }

  get(type: StreamType): StreamFormat {
    return this.#formats[type];
  }
}
