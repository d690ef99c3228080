import { describe, expect, it } from '@jest/globals';
import { s3Location } from './open-archive.ts';

describe('the URL of a bucket', () => {
  it('names bucket, prefix, region and server', () => {
    const url = 's3://my-bucket/jobs/of%20us/?region=eu-central-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000';
    expect(s3Location(url)).toEqual({
      ...{ bucket: 'my-bucket', prefix: 'jobs/of us/', region: 'eu-central-1', endpoint: 'http://127.0.0.1:9000' },
    });
  });

  it('may name the bucket alone', () => {
    const nothing = { prefix: '', region: undefined, endpoint: undefined };
    expect(s3Location('s3://my.bucket')).toEqual({ bucket: 'my.bucket', ...nothing });
  });
});
