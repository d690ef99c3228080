import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // the client is linked from this repository, which has a React of its own; a page must have one
  resolve: { dedupe: ['react'] },
});
