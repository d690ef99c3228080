/** Where Millrace answers, to this server and to browsers. */
export const millraceUrl = process.env.MILLRACE_URL ?? 'http://localhost:8080';

/** Of a manager; not needed where Millrace asks for none. It stays on this server. */
const key = process.env.MILLRACE_API_KEY;

const TOKEN_SECONDS = 24 * 60 * 60;

/** Asks Millrace as this server. @throws Error what it answers instead of 2xx or 404 */
export async function askMillrace(path: string, body?: object): Promise<Response> {
  const answer = await fetch(new URL(path, millraceUrl), {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: body && JSON.stringify(body),
    cache: 'no-store',
  });
  if (!answer.ok && answer.status !== 404) throw new Error(`Millrace answers ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Lets a browser ask, watch and stop in one chat, and nothing else. */
export async function chatToken(chatId: string): Promise<string> {
  const may = ['watch', 'cancel', 'create'];
  const answer = await askMillrace('/tokens', { threads: [chatId], may, expiresInSeconds: TOKEN_SECONDS });
  const { token }: { token: string } = await answer.json();
  return token;
}
