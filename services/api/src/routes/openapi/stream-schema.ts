/** The SSE body in words: OpenAPI has none for the events of a stream. @see PROTOCOL.md §3 */
export const SSE_DESCRIPTION = `Server-sent events. Every event has an \`id:\`; \`data:\` is one line of JSON; the first frame
also has a \`retry:\` hint; the line \`: hb\` between frames is a heartbeat. The body ends after the terminal event (\`done\`, \`error\` or
\`cancelled\`). A body that ends without one means: reconnect with \`Last-Event-ID\`.

| event | data |
|---|---|
| \`accepted\` | \`{"id","status":"queued"}\` |
| \`started\` | \`{"attempt","model"}\` |
| (unnamed) | \`{"text"}\` |
| \`reasoning\` | \`{"text"}\` |
| \`tool_call\` | \`{"callId","name","arguments"}\` |
| \`tool_result\` | \`{"callId","name","content","isError"}\` |
| \`reset\` | \`{"attempt","reason"}\`: discard all text so far |
| \`done\` | \`{"finishReason","usage":{"inputTokens","outputTokens"},"timings":{"queueMs","firstTokenMs","totalMs"}}\` |
| \`error\` | \`{"code","message","retryable"}\` |
| \`cancelled\` | \`{"by":"owner"\\|"admin"\\|"disconnect"\\|"shutdown"}\` |`;
