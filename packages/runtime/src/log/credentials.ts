const USER_INFO_START = '://';

/** Ends every URL. A line break is two characters in a line of JSON. */
const TOKEN_END = /[\s"]|\\[nrt]/g;

/** Redacts the user and password of every URL in a text: everything between `://` and the last `@` before the next blank or
 *  quote, since a password may contain `/` and `@`. Linear in time for any text. */
export function withoutCredentials(text: string): string {
  let clean = '';
  let copied = 0;
  for (let start = text.indexOf(USER_INFO_START); start !== -1; start = text.indexOf(USER_INFO_START, copied)) {
    const userInfo = start + USER_INFO_START.length;
    const end = endOfToken(text, userInfo);
    const at = text.slice(userInfo, end).lastIndexOf('@');
    const kept = at === -1 ? userInfo : userInfo + at;
    clean += `${text.slice(copied, userInfo)}${at === -1 ? '' : '[redacted]'}${text.slice(kept, end)}`;
    copied = end;
  }
  return clean + text.slice(copied);
}

function endOfToken(text: string, from: number): number {
  TOKEN_END.lastIndex = from;
  return TOKEN_END.exec(text)?.index ?? text.length;
}
