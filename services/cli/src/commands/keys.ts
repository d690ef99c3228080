import type { ApiKey, NewApiKey, Role } from '@millrace/client/admin';
import { type Command, Option } from 'commander';
import { type Context, withService } from '../command.ts';
import { age } from '../terminal/age.ts';
import type { Columns, Terminal } from '../terminal/terminal.ts';
import { jsonOption, numberArgument } from './answering.ts';

interface CreateOptions {
  readonly tenant: string;
  readonly role: Role;
  readonly name?: string;
  readonly expiresIn?: number;
  readonly json?: true;
}

const COLUMNS: Columns<ApiKey> = {
  id: ({ id }) => id,
  tenant: ({ tenant }) => tenant,
  role: ({ role }) => role,
  name: ({ name }) => name,
  made: ({ createdAt }) => age(createdAt),
  used: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : age(lastUsedAt)),
  expires: ({ expiresAt }) => expiresAt,
};

export function addKeys(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('API keys made at run time (admins)');
  keys
    .command('list', { isDefault: true })
    .description('the keys, without their secrets')
    .addOption(jsonOption())
    .action(withService(terminal, list));
  keys
    .command('create')
    .description('make a key: its secret is printed this once')
    .requiredOption('--tenant <name>', 'whose key it is')
    .addOption(new Option('--role <role>', 'what it may do').choices(['user', 'manager', 'admin']).default('user'))
    .option('--name <text>', 'what it is for')
    .option('--expires-in <seconds>', 'how long it holds (default: until it is deleted)', numberArgument)
    .addOption(jsonOption())
    .action(withService(terminal, create));
  keys
    .command('delete')
    .description('end a key: it holds nowhere after two seconds')
    .argument('<id>', 'the id of the key, not its secret')
    .action(withService(terminal, remove));
}

async function list({ service, terminal }: Context, { json }: { readonly json?: true }): Promise<void> {
  const keys = await service.admin.keys();
  if (json) for (const key of keys) terminal.json(key);
  else terminal.table(keys, COLUMNS);
}

async function create({ service, terminal }: Context, options: CreateOptions): Promise<void> {
  const { tenant, role, name, expiresIn } = options;
  const wanted: NewApiKey = {
    ...{ tenant, role },
    ...(name === undefined ? {} : { name }),
    ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
  };
  const created = await service.admin.createKey(wanted);
  if (options.json) {
    terminal.json(created);
    return;
  }
  terminal.line(created.key);
  terminal.note(`key ${created.id} of ${tenant} (${role}): it is shown nowhere else`);
}

async function remove({ service, terminal }: Context, _options: object, id: string): Promise<void> {
  await service.admin.deleteKey(id);
  terminal.line(`${id} deleted`);
}
