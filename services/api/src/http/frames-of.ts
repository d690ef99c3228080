/** Where an error was thrown, without its message: that of a parser quotes what it read. */
export function framesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { name, message, stack = '' } = error;
  const start = stack.indexOf(message);
  // the message was changed since: what the stack begins with cannot be told from frames
  if (start === -1) return [name];
  const frames = stack.slice(start + message.length).split('\n');
  return [name, ...frames.map((line) => line.trim()).filter((line) => line.startsWith('at '))];
}
