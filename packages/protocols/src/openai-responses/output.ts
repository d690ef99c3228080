/** An item of a response's `output`. Text stands as it is between the quotes of JSON, so that it is copied, not written anew. */
export interface Item {
  /** `output_index` */
  readonly index: number;
  readonly kind: 'message' | 'reasoning' | 'function_call';
  /** id of the message that it belongs to, '' for none; of a call its `call_id` */
  readonly key: string;
  /** of a call */
  readonly name: string;
  /** text, or a call's arguments */
  readonly quoted: string;
}

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

const ID_PREFIX = { message: 'msg', reasoning: 'rs', function_call: 'fc' } as const;
const PART_TYPE = { message: 'output_text', reasoning: 'reasoning_text' } as const;

/** The same on every node, attempt and replay. */
function itemId(jobId: string, { kind, index }: Item): string {
  return `${ID_PREFIX[kind]}_${jobId}_${index}`;
}

/** @returns the JSON of an item; one that has just begun has no parts yet */
export function itemJson(jobId: string, item: Item, status: ItemStatus, isNew = false): string {
  const { kind, key, name, quoted } = item;
  const head = `"id":"${itemId(jobId, item)}","type":"${kind}","status":"${status}"`;
  if (kind === 'function_call') {
    return `{${head},"call_id":${JSON.stringify(key)},"name":${JSON.stringify(name)},"arguments":"${quoted}"}`;
  }
  const content = isNew ? '[]' : `[${partJson(kind, quoted)}]`;
  const traits = kind === 'message' ? '"role":"assistant"' : '"summary":[]';
  return `{${head},${traits},"content":${content}}`;
}

function partJson(kind: 'message' | 'reasoning', quoted: string): string {
  const extras = kind === 'message' ? ',"annotations":[],"logprobs":[]' : '';
  return `{"type":"${PART_TYPE[kind]}","text":"${quoted}"${extras}}`;
}

/** An event of the stream without its sequence number. */
export interface Said {
  readonly type: string;
  /** members of its JSON after `type` and `sequence_number` */
  readonly members: string;
}

export function itemAdded(jobId: string, item: Item): Said[] {
  const { kind, index } = item;
  const added = said(
    'response.output_item.added',
    `"output_index":${index},"item":${itemJson(jobId, item, 'in_progress', true)}`,
  );
  if (kind === 'function_call') return [added];
  const part = `${place(jobId, item)},"content_index":0,"part":${partJson(kind, '')}`;
  return [added, said('response.content_part.added', part)];
}

export function itemDelta(jobId: string, item: Item, quoted: string): Said {
  switch (item.kind) {
    case 'message':
      return said(
        'response.output_text.delta',
        `${place(jobId, item)},"content_index":0,"delta":"${quoted}","logprobs":[]`,
      );
    case 'reasoning':
      return said('response.reasoning_text.delta', `${place(jobId, item)},"content_index":0,"delta":"${quoted}"`);
    case 'function_call':
      return said('response.function_call_arguments.delta', `${place(jobId, item)},"delta":"${quoted}"`);
  }
}

export function itemDone(jobId: string, item: Item, status: ItemStatus): Said[] {
  const { kind, index, quoted, name } = item;
  const at = place(jobId, item);
  const done = said('response.output_item.done', `"output_index":${index},"item":${itemJson(jobId, item, status)}`);
  if (kind === 'function_call') {
    const whole = `${at},"name":${JSON.stringify(name)},"arguments":"${quoted}"`;
    return [said('response.function_call_arguments.done', whole), done];
  }
  const text =
    kind === 'message'
      ? said('response.output_text.done', `${at},"content_index":0,"text":"${quoted}","logprobs":[]`)
      : said('response.reasoning_text.done', `${at},"content_index":0,"text":"${quoted}"`);
  return [text, said('response.content_part.done', `${at},"content_index":0,"part":${partJson(kind, quoted)}`), done];
}

function place(jobId: string, item: Item): string {
  return `"item_id":"${itemId(jobId, item)}","output_index":${item.index}`;
}

function said(type: string, members: string): Said {
  return { type, members };
}
