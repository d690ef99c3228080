import { Dialog as Drawer } from '@base-ui/react/dialog';
import { type ReactNode, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';

interface ShellProps {
  /** @param close of the drawer, on a narrow screen */
  readonly side: (close: () => void) => ReactNode;
  /** @param menuButton opens the drawer, on a narrow screen */
  readonly children: (menuButton: ReactNode) => ReactNode;
}

/** The page around a conversation: the list of conversations beside it, or in a drawer where there is no room. */
export function Shell({ side, children }: ShellProps) {
  const [isOpen, setIsOpen] = useState(false);
  const close = () => setIsOpen(false);
  const menuButton = (
    <Button
      kind="quiet"
      shape="icon"
      className="drawer-button"
      aria-label="Conversations"
      onClick={() => setIsOpen(true)}
    >
      <Icon name="menu" />
    </Button>
  );
  return (
    <div className="shell">
      <aside className="shell-side" aria-label="Conversations">
        <Brand />
        {side(close)}
      </aside>
      <Drawer.Root open={isOpen} onOpenChange={setIsOpen}>
        <Drawer.Portal>
          <Drawer.Backdrop className="backdrop" />
          <Drawer.Popup className="drawer" aria-label="Conversations">
            <Brand />
            {side(close)}
          </Drawer.Popup>
        </Drawer.Portal>
      </Drawer.Root>
      <div className="shell-main">{children(menuButton)}</div>
    </div>
  );
}

function Brand() {
  return (
    <p className="brand">
      <img src="/favicon.svg" alt="" width="26" height="26" /> Millrace
    </p>
  );
}
