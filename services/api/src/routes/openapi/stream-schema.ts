import { isTerminal, STREAM_EVENTS } from '@millrace/contracts';
import { z } from 'zod';

type JsonSchema = z.core.JSONSchema.JSONSchema;

const rows = Object.entries(STREAM_EVENTS).map(([type, { data, meaning }]) => {
  const name = type === 'text' ? '(unnamed)' : `\`${type}\``;
  const outline = outlineOf(z.toJSONSchema(data)).replaceAll('|', '\\|');
  return `| ${name} | \`${outline}\` | ${isTerminal(type) ? 'Terminal: ' : ''}${meaning} |`;
});

/** The SSE body in words: OpenAPI has none for the events of a stream. @see PROTOCOL.md §3 */
export const SSE_DESCRIPTION = `Server-sent events. Every event has an \`id:\`; \`data:\` is one line of JSON; the first frame
also has a \`retry:\` hint; the line \`: hb\` between frames is a heartbeat. The body ends after the terminal event. A body that
ends without one means: reconnect with \`Last-Event-ID\`.

| event | data | meaning |
|---|---|---|
${rows.join('\n')}`;

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
