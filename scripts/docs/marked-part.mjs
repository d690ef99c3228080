/**
 * Puts made text between two marks of a page that is otherwise written by hand.
 * @param {string} page
 * @param {{ start: string, end: string }} marks both in the page, on lines of their own
 * @param {string} made
 */
export function withMarkedPart(page, { start, end }, made) {
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`the page has no place for it: ${start} … ${end}`);
  return `${page.slice(0, from + start.length)}\n\n${made}\n\n${page.slice(to)}`;
}
