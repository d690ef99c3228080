import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'baseline-widely-available',
    // the page runs under `default-src 'self'`: no data: URLs and nothing inline
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
