import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { portable } from './events/portable.ts';
import { simpleJson } from './simple-json.ts';

const encoder = new TextEncoder();

type Serializer = BaseCheckpointSaver['serde'];

/** Writes state as LangGraph does, and also what LangGraph cannot write: for a value that holds a bigint it stores a sentence
 *  about the failure, and loses the value. Here a bigint is stored as its digits. */
export class LenientSerializer implements Serializer {
  constructor(readonly serializer: Serializer) {}

  async dumpsTyped(value: unknown): Promise<[string, Uint8Array]> {
    const json = simpleJson(value);
    if (json !== null) return ['json', encoder.encode(json)];
    if (typeof value === 'bigint') return this.serializer.dumpsTyped(`${value}`);
    const dumped = await this.serializer.dumpsTyped(value).catch(() => null);
    return dumped === null || isReplaced(value, dumped) ? this.serializer.dumpsTyped(portable(value)) : dumped;
  }

  loadsTyped(type: string, data: Uint8Array | string): Promise<unknown> {
    return this.serializer.loadsTyped(type, data);
  }
}

/** Whether a text was written in place of an object. Some objects are written as texts: they are so again. */
function isReplaced(value: unknown, [type, bytes]: [string, Uint8Array]): boolean {
  return type === 'json' && typeof value === 'object' && bytes[0] === QUOTE;
}

const QUOTE = 0x22;
