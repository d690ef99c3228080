import { defineConfig } from 'vite';

/** The mode names the client: that of `@langchain/react` or that of the SDK. */
export default defineConfig({
  base: './',
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 2_000 },
});
