import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const page = (name: string) => fileURLToPath(new URL(`${name}.html`, import.meta.url));

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'baseline-widely-available',
    // the page runs under `default-src 'self'`: no data: URLs and nothing inline
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { index: page('index'), console: page('console') } },
  },
});
