/**
 * Hands fenced blocks of mermaid to the component that draws them.
 * @param {import('vitepress').MarkdownRenderer} md
 */
export function drawMermaid(md) {
  const highlighted = md.renderer.rules.fence;
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info, content } = tokens[index];
    if (info.trim() !== 'mermaid') return highlighted(tokens, index, ...rest);
    return `<MermaidPicture source="${encodeURIComponent(content)}" />`;
  };
}
