import { type ComponentProps, isValidElement, memo, type ReactNode, useEffect, useRef, useState } from 'react';
import {
  defaultRehypePlugins,
  parseMarkdownIntoBlocks,
  Streamdown,
  type StreamdownProps,
  useIsCodeFenceIncomplete,
} from 'streamdown';
import { CodeBlock } from './code-block.tsx';
import { withDollarFormulas } from './formulas.ts';
import { isMisleading, safeLink } from './safe-links.ts';
import { blockOfCode, sectionsOf } from './sections.ts';
import { withVisibleControls } from './visible-controls.ts';

interface MarkdownProps {
  readonly text: string;
  /** more of it is coming */
  readonly isStreaming: boolean;
}

type Plugins = NonNullable<StreamdownProps['plugins']>;

// without `rehype-raw`: HTML of a model stays text
const REHYPE_PLUGINS = [defaultRehypePlugins['sanitize']].filter((plugin) => plugin !== undefined);
const COMPONENTS = { a: Link, img: Picture, pre: Preformatted, inlineCode: InlineCode, table: Table, input: Checkbox };
const NO_QUESTION = { enabled: false };
const NO_PLUGINS: Plugins = {};

/** What a model says, as Markdown. It makes no request: a picture is a link, and nothing else loads anything. */
export default function Markdown({ text, isStreaming }: MarkdownProps) {
  const shown = withDollarFormulas(withVisibleControls(text));
  const plugins = useMath(shown);
  const sections = useSections(shown);
  return (
    <div className="markdown">
      {sections.map((section, nth) => (
        <Section
          // biome-ignore lint/suspicious/noArrayIndexKey: sections keep their order
          key={nth}
          text={section}
          isStreaming={isStreaming && nth === sections.length - 1}
          plugins={plugins}
        />
      ))}
    </div>
  );
}

function useSections(text: string): readonly string[] {
  const former = useRef<readonly string[]>([]);
  former.current = sectionsOf(text, former.current, parseMarkdownIntoBlocks);
  return former.current;
}

type SectionProps = MarkdownProps & { readonly plugins: Plugins };

const Section = memo(function Section({ text, isStreaming, plugins }: SectionProps) {
  const block = blockOfCode(text);
  return (
    <div className="section">
      {block === null ? (
        <Streamdown
          dir="auto"
          parseIncompleteMarkdown={isStreaming}
          isAnimating={isStreaming}
          controls={false}
          linkSafety={NO_QUESTION}
          rehypePlugins={REHYPE_PLUGINS}
          urlTransform={safeAddress}
          components={COMPONENTS}
          plugins={plugins}
        >
          {text}
        </Streamdown>
      ) : (
        <CodeBlock code={block.code} language={block.language} isGrowing={isStreaming && block.isOpen} />
      )}
    </div>
  );
});

/** Also turns HTML into text. */
function safeAddress(url: string): string | null {
  return safeLink(url)?.href ?? null;
}

/** Loads what sets formulas with the first text that has one. */
function useMath(text: string): Plugins {
  const [plugins, setPlugins] = useState(NO_PLUGINS);
  const isWanted = plugins === NO_PLUGINS && text.includes('$$');
  useEffect(() => {
    if (!isWanted) return;
    let isGone = false;
    // without it the formula stays readable as it was written
    import('./math.ts').then(
      ({ math }) => !isGone && setPlugins({ math }),
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, [isWanted]);
  return plugins;
}

function Link({ href, children }: ComponentProps<'a'>) {
  const url = safeLink(href);
  if (url === null) return <span>{children}</span>;
  return (
    <>
      <a href={url.href} title={url.href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
      {isMisleading(wordsOf(children), url) && <span className="link-host"> ({url.host})</span>}
    </>
  );
}

/** A picture elsewhere would tell its host who reads this, and when: it opens with a click, in a tab of its own. */
function Picture({ src, alt }: ComponentProps<'img'>) {
  const url = safeLink(src);
  const name = alt === undefined || alt === '' ? 'Picture' : alt;
  if (url === null) return <span className="picture">{name}</span>;
  return (
    <a className="picture" href={url.href} target="_blank" rel="noopener noreferrer nofollow">
      {name} ({url.host})
    </a>
  );
}

function Preformatted({ children }: ComponentProps<'pre'>) {
  const isGrowing = useIsCodeFenceIncomplete();
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children)) return <pre>{children}</pre>;
  const { className = '', children: code } = children.props;
  const [, language = ''] = /language-([\w+#-]+)/.exec(className) ?? [];
  return <CodeBlock code={wordsOf(code).replace(/\n$/, '')} language={language} isGrowing={isGrowing} />;
}

function InlineCode({ children }: ComponentProps<'code'>) {
  return <code>{children}</code>;
}

function Table({ children }: ComponentProps<'table'>) {
  return (
    <div className="table-scroller">
      <table>{children}</table>
    </div>
  );
}

/** Of a task list; it can only be looked at. */
function Checkbox({ checked }: ComponentProps<'input'>) {
  return <span role="img" aria-label={checked ? 'done' : 'open'} className="task" data-done={checked} />;
}

function wordsOf(node: ReactNode): string {
  if (typeof node === 'string' || typeof node === 'number') return String(node);
  if (Array.isArray(node)) return node.map(wordsOf).join('');
  return isValidElement<{ children?: ReactNode }>(node) ? wordsOf(node.props.children) : '';
}
