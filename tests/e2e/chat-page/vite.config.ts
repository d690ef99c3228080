import { defineConfig } from 'vite';

/** The mode names the version of the AI SDK: the page is the same with each. */
const VERSIONS: Readonly<Record<string, Record<string, string>>> = {
  'ai-5': { '@ai-sdk/react': 'ai-sdk-react-v5', ai: 'ai-v5' },
  'ai-6': { '@ai-sdk/react': 'ai-sdk-react-v6', ai: 'ai-v6' },
  'ai-7': {},
};

export default defineConfig(({ mode }) => ({
  base: './',
  resolve: { alias: VERSIONS[mode] ?? {} },
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 2_000 },
}));
