import './chat.css';
import './markdown/markdown.css';
import { mount } from '../ui/mount.tsx';
import { App } from './app.tsx';
import { preloadMarkdown } from './markdown/rich-text.tsx';

mount(<App />);
preloadMarkdown();
