import { useData, withBase } from 'vitepress';
import { defineComponent, h, ref, useId, watchEffect } from 'vue';

/** @type {Promise<void> | undefined} */
let loading;

/** Loads mermaid as it is published: bundling it takes a minute, and most pages have no diagram. */
function loadMermaid() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = withBase('/mermaid.min.js');
    script.onload = () => resolve();
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
}

/** Draws one diagram in the reader's browser. */
export const MermaidPicture = defineComponent({
  props: { source: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const drawn = ref('');
    const id = `mermaid-${useId()}`;
    async function draw(/** @type {string} */ theme) {
      await loadMermaid();
      window.mermaid.initialize({ startOnLoad: false, theme, fontFamily: 'inherit' });
      drawn.value = (await window.mermaid.render(id, decodeURIComponent(props.source))).svg;
    }
    if (!import.meta.env.SSR) watchEffect(() => void draw(isDark.value ? 'dark' : 'default'));
    return () => h('div', { class: 'mermaid-picture', innerHTML: drawn.value });
  },
});
