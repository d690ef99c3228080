/** A key management service of a test: asks a server that the test may take away. */
const url = new URL('http://127.0.0.1');
url.port = process.env.KMS_PORT ?? '';

async function ask(path, tenant, bytes) {
  const answer = await fetch(new URL(`${path}?tenant=${tenant}`, url), { method: 'POST', body: bytes });
  if (!answer.ok) throw new Error(`the test's KMS answered ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

export const wrap = (tenant, bytes) => ask('wrap', tenant, bytes);
export const unwrap = (tenant, bytes) => ask('unwrap', tenant, bytes);
