import { text } from 'node:stream/consumers';
import type { NewJob } from '@millrace/client';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, Exit } from '../exit-codes.ts';

/** Options of each command that asks something. */
export interface AnsweringOptions {
  readonly pipeline?: string;
  readonly model?: string;
  readonly system?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

export function addAnsweringOptions(command: Command): Command {
  return command
    .option('-p, --pipeline <name>', 'the pipeline or agent that answers (default: chat)')
    .option('-m, --model <name>', 'the model, `provider:name` or a bare name')
    .option('-s, --system <text>', 'what the model is told first')
    .option('--temperature <number>', 'how freely it answers', numberArgument)
    .option('--max-tokens <number>', 'how long the answer may be', numberArgument);
}

/** @returns the part of a job that these options say */
export function jobOf({ pipeline, model, temperature, maxTokens }: AnsweringOptions): NewJob {
  const given = Object.entries({ pipeline, model, temperature, maxTokens }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

/** @returns one question, after what the model is told first */
export function questionOf(query: string, system: string | undefined): NewJob {
  if (system === undefined) return { query };
  return {
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: query },
    ],
  };
}

/** @returns the words of the arguments, or of the standard input for `-` or when something is piped in
 *  @throws Exit there is neither */
export async function promptOf(words: readonly string[], input: NodeJS.ReadableStream): Promise<string> {
  const isPiped = !('isTTY' in input && input.isTTY === true);
  const piped = words.join(' ') === '-' || (words.length === 0 && isPiped);
  const prompt = piped ? await text(input as unknown as AsyncIterable<Buffer>) : words.join(' ');
  if (prompt.trim() === '') throw new Exit(EXIT.usage, 'there is no prompt: name it, or pipe it in');
  return prompt;
}

export function numberArgument(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || Number.isNaN(number)) throw new InvalidArgumentError('It is not a number.');
  return number;
}

export function jsonArgument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It is not JSON.');
  }
}

export const jsonOption = () => new Option('--json', 'print JSON, a value a line');

/** What stands below a list that lacks something. */
export const INCOMPLETE = 'one of several Redis, or the archive, does not answer: what it has is missing here';
