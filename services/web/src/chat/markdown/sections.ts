/** How long a section is at least, characters: about a screen of prose. */
const SECTION_LENGTH = 1500;

/** How many blocks at the end stay together: with more text, the last of them can become another one. */
const OPEN_BLOCKS = 3;

/** The beginning of a block of code. It is what it is, whatever follows. */
const FENCE = /^( {0,3})(?:(`{3,})([^`\n]*)|(~{3,})([^~\n]*))\n/;

const FENCE_END = /^ {0,3}(`{3,}|~{3,})[ \t]*$/gm;

/** A note refers to another place of the text, so that the text cannot be taken apart. */
const FOOTNOTE = /\[\^[^\]\s[]+\]/;

/** Takes a text of Markdown apart where blocks end, so that a text that grows is parsed and drawn anew only in its last section.
 *  Joined, the sections are the text; all but the last stay as they are while text is appended.
 *  @param former the sections of what the text was before; empty: not known
 *  @param blocksOf takes Markdown apart into blocks, which joined are the text */
export function sectionsOf(
  text: string,
  former: readonly string[],
  blocksOf: (text: string) => readonly string[],
): readonly string[] {
  if (FOOTNOTE.test(text)) return [text];
  const sections: string[] = [];
  let from = 0;
  for (const section of former.slice(0, -1)) {
    if (!text.startsWith(section, from)) break;
    sections.push(section);
    from += section.length;
  }
  const rest = text.slice(from);
  if (rest.length <= SECTION_LENGTH) return [...sections, rest];
  let section = '';
  const blocks = blocksOf(rest);
  for (const [nth, block] of blocks.entries()) {
    const code = blockOfCode(block);
    const isLong = block.length >= SECTION_LENGTH;
    const isAlone = code !== null && (isLong || (code.isOpen && nth === blocks.length - 1));
    if (isAlone && section !== '') {
      sections.push(section);
      section = '';
    }
    section += block;
    const isSettled = nth < blocks.length - OPEN_BLOCKS || (isAlone && code?.isOpen === false);
    if (section.length < SECTION_LENGTH || !isSettled) continue;
    sections.push(section);
    section = '';
  }
  return [...sections, section];
}

/** A text that is nothing but one block of code. */
export interface BlockOfCode {
  readonly code: string;
  /** as the model named it; empty: not at all */
  readonly language: string;
  /** its end has not come; whatever follows is part of it */
  readonly isOpen: boolean;
}

/** Reads a block of code, which would be parsed at great length.
 *  @returns null: it is something else, or there is something beside it */
export function blockOfCode(text: string): BlockOfCode | null {
  const opening = FENCE.exec(text);
  if (opening === null) return null;
  const [line, indent = '', ticks, ofTicks, tildes, ofTildes] = opening;
  const fence = ticks ?? tildes ?? '';
  const [language = ''] = (ofTicks ?? ofTildes ?? '').trim().split(/\s/);
  const code = text.slice(line.length);
  for (const { 0: end, 1: closing = '', index } of code.matchAll(FENCE_END)) {
    if (!closing.startsWith(fence)) continue;
    if (code.slice(index + end.length).trim() !== '') return null;
    return { code: withoutIndent(code.slice(0, index), indent), language, isOpen: false };
  }
  return { code: withoutIndent(code, indent), language, isOpen: true };
}

/** Lines of code lose as many spaces as are before their fence, as far as they have them. */
function withoutIndent(code: string, { length }: string): string {
  const lines = code.replace(/\n$/, '').split('\n');
  return lines.map((line) => line.slice(Math.min(length, line.search(/[^ ]|$/)))).join('\n');
}
