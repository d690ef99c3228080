import { isTerminal, STREAM_EVENTS } from '@millrace/contracts';
import { z } from 'zod';
import { eventId } from './schemas.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

const KINDS = Object.entries(STREAM_EVENTS).map(([type, { data, meaning }]) => ({
  type,
  data,
  meaning: `${isTerminal(type) ? 'Terminal: ' : ''}${meaning}`,
}));

const [first, ...others] = KINDS.map(({ type, data, meaning }) =>
  z
    .object({
      id: eventId,
      // readers get an event without a name as a `message`
      event: z.literal(type === 'text' ? 'message' : type),
      data,
    })
    .meta({ id: `StreamEvent${pascalCase(type)}`, description: meaning }),
);
if (first === undefined) throw new Error('there are no events');

/** One event of a stream as a reader parses it: a component for each row of the table of events. */
const streamEvent = z.discriminatedUnion('event', [first, ...others]).meta({
  id: 'StreamEvent',
  description:
    'One server-sent event, with its `data` parsed. `event` is `message` where the frame has no name. ' +
    'Ignore events of other names.',
});

const rows = KINDS.map(({ type, data, meaning }) => {
  const name = type === 'text' ? '(unnamed)' : `\`${type}\``;
  const outline = outlineOf(z.toJSONSchema(data)).replaceAll('|', '\\|');
  return `| ${name} | \`${outline}\` | ${meaning} |`;
});

const DESCRIPTION = `Server-sent events. Every event has an \`id:\`; \`data:\` is one line of JSON; the first frame
also has a \`retry:\` hint; the line \`: hb\` between frames is a heartbeat. The body ends after the terminal event. A body that
ends without one means: reconnect with \`Last-Event-ID\`. The schema \`StreamEvent\` describes the events as a reader parses them.

| event | data | meaning |
|---|---|---|
${rows.join('\n')}`;

/** The body of a stream of server-sent events. OpenAPI 3.1 has no schema for the parts of a stream, so this is a text that
 *  holds them. @see PROTOCOL.md §3 */
export const sseBody: z.ZodType = z.array(streamEvent).meta({
  description: DESCRIPTION,
  override: ({ jsonSchema }: { readonly jsonSchema: JsonSchema }) => {
    const { type, items } = jsonSchema;
    delete jsonSchema.items;
    Object.assign(jsonSchema, {
      type: 'string',
      contentMediaType: 'text/event-stream',
      contentSchema: { type, items },
    });
  },
});

/** `tool_call_start` → `ToolCallStart` */
function pascalCase(name: string): string {
  return name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The shape of an event's data in one line: `{"attempt","reason":"worker-lost"|"handover"}`. */
function outlineOf({ properties = {}, required = [] }: JsonSchema): string {
  const members = Object.entries(properties).map(([name, schema]) => {
    const mark = required.includes(name) ? '' : '?';
    const value = typeof schema === 'object' ? valueOutline(schema) : '';
    return `"${name}"${mark}${value === '' ? '' : `:${value}`}`;
  });
  return `{${members.join(',')}}`;
}

/** @returns '' for values that have no more to say than their name */
function valueOutline(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined && schema.enum.length <= 4)
    return schema.enum.map((each) => JSON.stringify(each)).join('|');
  return schema.properties === undefined ? '' : outlineOf(schema);
}
