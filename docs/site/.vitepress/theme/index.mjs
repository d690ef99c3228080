import Theme from 'vitepress/theme-without-fonts';
import { MermaidPicture } from './mermaid-picture.mjs';

export default {
  extends: Theme,
  enhanceApp: ({ app }) => app.component('MermaidPicture', MermaidPicture),
};
