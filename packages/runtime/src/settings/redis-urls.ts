import { z } from 'zod';
import { parseRedisUrl } from './redis-url.ts';

/** Independent deployments of Redis, the shards. */
export interface RedisUrls {
  /** in the order of their numbers, from 0 */
  readonly urls: readonly string[];
  /** how many there were when each of them came, ascending; the last number is that of all */
  readonly generations: readonly number[];
}

/** `problem` describes the error without quoting a URL, which may contain a password. */
type ParsedRedisUrls = ({ readonly ok: true } & RedisUrls) | { readonly ok: false; readonly problem: string };

const MAX_SHARDS = 100;

/** Parses `REDIS_URLS`: URLs of the forms of {@link parseRedisUrl}, with blanks between them, and `|` before those that were added
 *  after the deployment had begun. `a b | c` began with two shards. */
export function parseRedisUrls(text: string): ParsedRedisUrls {
  const groups = text.split('|').map((group) => group.split(/\s+/).filter((url) => url !== ''));
  const urls = groups.flat();
  if (groups.some((group) => group.length === 0)) return bad('has no URL before or after a "|"');
  if (urls.length > MAX_SHARDS) return bad(`names more than ${MAX_SHARDS} shards`);
  for (const [place, url] of urls.entries()) {
    const parsed = parseRedisUrl(url);
    if (!parsed.ok) return bad(`has a URL, number ${place + 1}, that ${parsed.problem}`);
  }
  if (new Set(urls).size < urls.length) return bad('names one URL twice');
  let count = 0;
  const generations = groups.map((group) => {
    count += group.length;
    return count;
  });
  return { ok: true, urls, generations };
}

const shardSettings = z.object({
  REDIS_URLS: z.string().optional(),
  MILLRACE_SHARDS_IN_USE: z.number().optional(),
});

/** What is new can only go to shards that there are. `z.object({ ...redisSettings }).check(shardsInUseExist)` */
export const shardsInUseExist = z.refine<z.output<typeof shardSettings>>(
  ({ REDIS_URLS: urls, MILLRACE_SHARDS_IN_USE: inUse = 1 }) => {
    const parsed = urls === undefined ? null : parseRedisUrls(urls);
    return inUse <= (parsed?.ok ? parsed.urls.length : 1);
  },
  {
    path: ['MILLRACE_SHARDS_IN_USE'],
    message: 'must be at most the number of URLs in REDIS_URLS',
    // even when other variables are invalid: a person fixes them all at once
    when: ({ value }) => shardSettings.safeParse(value).success,
  },
);

/** @returns the shards that the settings name: one, unless there are several */
export function redisUrlsOf({
  REDIS_URL: url,
  REDIS_URLS: urls,
}: {
  readonly REDIS_URL: string;
  readonly REDIS_URLS?: string | undefined;
}): RedisUrls {
  const parsed = urls === undefined ? null : parseRedisUrls(urls);
  return parsed?.ok ? parsed : { urls: [url], generations: [1] };
}

function bad(problem: string): ParsedRedisUrls {
  return { ok: false, problem };
}
