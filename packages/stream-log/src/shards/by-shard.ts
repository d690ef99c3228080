import type { Located } from './shards.ts';

/** The names of a class's public methods. */
type MethodOf<T> = { [Name in keyof T]: T[Name] extends (...args: never[]) => unknown ? Name : never }[keyof T];

/** What a call names first: a reference, or something that has one. */
type Named<Ref> = Ref | { readonly ref: Ref };

/** Methods that each belong to one job or thread: a call goes to the part of the shard that has it.
 *  @param parts one for each shard
 *  @param locate the shard of the first argument; if it has to look, a method of a `Promise` waits for that, and no other is allowed
 *  @param names of the methods, whose first argument is a reference, or has one as `ref` */
export function byShard<Ref extends string, T extends object, const Name extends MethodOf<T>>(
  parts: readonly T[],
  locate: (ref: Ref) => Located,
  names: readonly Name[],
): Pick<T, Name> {
  const methods = names.map((name) => {
    const method = (first: Named<Ref>, ...rest: unknown[]): unknown => {
      const call = (shard: number) => {
        const part = parts[shard] as T;
        return (part[name] as (...args: unknown[]) => unknown).call(part, first, ...rest);
      };
      const shard = locate(typeof first === 'string' ? first : first.ref);
      return typeof shard === 'number' ? call(shard) : shard.then(call);
    };
    return [name, method] as const;
  });
  return Object.fromEntries(methods) as Pick<T, Name>;
}

/** The public part of a class, without what only its own constructor sets. */
export type Facade<T> = { [Name in MethodOf<T>]: T[Name] };
