import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const page = (name: string) => fileURLToPath(new URL(`${name}.html`, import.meta.url));

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      // what KaTeX writes is parsed without the browser, which would count its inline styles as breaches of the policy
      'hast-util-from-html-isomorphic': fileURLToPath(import.meta.resolve('hast-util-from-html-isomorphic')),
    },
  },
  build: {
    target: 'baseline-widely-available',
    // the page runs under `default-src 'self'`: no data: URLs and nothing inline
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { index: page('index'), console: page('console') } },
  },
});
