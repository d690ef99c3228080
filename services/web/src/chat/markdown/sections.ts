/** How long a section is at least, characters: about a screen of prose. */
const SECTION_LENGTH = 1500;

/** How many blocks at the end stay together: with more text, the last of them can become another one. */
const OPEN_BLOCKS = 3;

/** The beginning of a block of code. It is what it is, whatever follows. */
const FENCE = /^ {0,3}(?:(`{3,})([^`\n]*)|(~{3,})([^~\n]*))\n/;

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
    const isLastCode = nth === blocks.length - 1 && openCode(block) !== null;
    if (isLastCode && section !== '') {
      sections.push(section);
      section = '';
    }
    section += block;
    if (section.length < SECTION_LENGTH || nth >= blocks.length - OPEN_BLOCKS) continue;
    sections.push(section);
    section = '';
  }
  return [...sections, section];
}

/** A block of code whose end has not come. */
export interface OpenCode {
  readonly code: string;
  /** as the model named it; empty: not at all */
  readonly language: string;
}

/** Reads what is nothing but the beginning of a block of code, which would be parsed at great length.
 *  @returns null: it is something else */
export function openCode(text: string): OpenCode | null {
  const opening = FENCE.exec(text);
  if (opening === null) return null;
  const [line, ticks, ofTicks, tildes, ofTildes] = opening;
  const fence = ticks ?? tildes ?? '';
  const info = (ofTicks ?? ofTildes ?? '').trim();
  const code = text.slice(line.length);
  for (const [, end = ''] of code.matchAll(FENCE_END)) if (end.startsWith(fence)) return null;
  const [language = ''] = info.split(/\s/);
  return { code: code.replace(/\n$/, ''), language };
}
