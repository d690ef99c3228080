import { mount } from '../ui/mount.tsx';

function Console() {
  return (
    <main className="page">
      <h1>Console</h1>
    </main>
  );
}

mount(<Console />);
