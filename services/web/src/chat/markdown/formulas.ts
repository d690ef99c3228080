/** What matters: the beginning of a fence, a run of backticks, an escaped character, the end of a paragraph. */
const MARKS = /^ {0,3}(?:`{3,}|~{3,})|`+|\\[\s\S]|\n[ \t]*(?=\n)/gm;
/** What may stand before a formula that gets lines of its own: indentation, the mark of a list. */
const LINE_START = /^[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?$/;

/** How far around a formula is looked for the ends of its line, characters: lists are not indented further. */
const NEAR = 64;

type Opener = { readonly close: '\\)' | '\\]'; readonly at: number };

/** Writes the formulas that stand between `\(` and `\)` or `\[` and `\]`, as most models write them, between `$$`, which is
 *  what the Markdown here knows. Code stays as it is, and so does a formula whose end has not come. Takes linear time. */
export function withDollarFormulas(text: string): string {
  if (!text.includes('\\(') && !text.includes('\\[')) return text;
  let written = '';
  let from = 0;
  let fence: string | null = null;
  let span: number | null = null;
  let opener: Opener | null = null;
  for (const { 0: mark, index } of text.matchAll(MARKS)) {
    const run = mark.trimStart();
    const isFence = run.length >= 3 && (run[0] === '`' || run[0] === '~') && isLineStart(text, index);
    if (fence !== null) {
      if (isFence && run.startsWith(fence)) fence = null;
    } else if (isFence && span === null) {
      fence = run;
      opener = null;
    } else if (run === '') {
      span = null;
      opener = null;
    } else if (run[0] === '`') {
      if (span === null) span = run.length;
      else if (span === run.length) span = null;
    } else if (span === null && (mark === '\\(' || mark === '\\[')) {
      opener ??= { close: mark === '\\(' ? '\\)' : '\\]', at: index };
    } else if (opener !== null && mark === opener.close) {
      written += text.slice(from, opener.at) + formula(text, opener, index);
      from = index + mark.length;
      opener = null;
    }
  }
  return written + text.slice(from);
}

function isLineStart(text: string, index: number): boolean {
  return index === 0 || text[index - 1] === '\n';
}

function formula(text: string, { close, at }: Opener, end: number): string {
  const tex = text.slice(at + 2, end).trim();
  if (tex === '') return text.slice(at, end + 2);
  const before = text.slice(Math.max(0, at - NEAR), at);
  const after = text.slice(end + 2, end + 2 + NEAR);
  const lineStart = before.lastIndexOf('\n') + 1;
  const isFirst = LINE_START.test(before.slice(lineStart)) && (lineStart > 0 || at <= NEAR);
  const isLast = /^[ \t]*(?:\n|$)/.test(after);
  // within a sentence, a table or a quotation it stays in its line
  if (close === '\\)' || !isFirst || !isLast) return `$$${tex}$$`;
  const indent = ' '.repeat(before.length - lineStart);
  return `$$\n${indent}${tex.replaceAll(/\n[ \t]*/g, `\n${indent}`)}\n${indent}$$`;
}
