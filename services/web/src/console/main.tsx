import './console.css';
import { mount } from '../ui/mount.tsx';
import { Console } from './app.tsx';

mount(<Console />);
