import type { Command } from 'commander';
import { type Service, type ServiceOptions, serviceOf } from './service.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What every command gets beside its own arguments. */
export interface Context {
  readonly terminal: Terminal;
  readonly service: Service;
}

/** Runs a command's work with the service that its options name. */
export function withService<Arguments extends unknown[], Options>(
  terminal: Terminal,
  work: (context: Context, options: Options, ...args: Arguments) => Promise<void>,
) {
  return async (...given: unknown[]): Promise<void> => {
    // commander calls with the arguments, then the options, then the command
    const command = given.at(-1) as Command;
    const args = given.slice(0, -2) as Arguments;
    const options = command.optsWithGlobals<ServiceOptions & Options>();
    await work({ terminal, service: serviceOf(options) }, options, ...args);
  };
}
