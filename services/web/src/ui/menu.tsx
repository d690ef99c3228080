import { Menu as Base } from '@base-ui/react/menu';
import type { ReactElement, ReactNode } from 'react';

interface MenuProps {
  /** the button that opens it */
  readonly trigger: ReactElement;
  readonly children: ReactNode;
}

/** Actions behind a button. Its children are `MenuItem`s. */
export function Menu({ trigger, children }: MenuProps) {
  return (
    <Base.Root modal={false}>
      <Base.Trigger render={trigger} />
      <Base.Portal render={<section aria-label="Menu" />}>
        <Base.Positioner className="popup-layer" align="end" sideOffset={4}>
          <Base.Popup className="popup">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

interface MenuItemProps {
  readonly onSelect: () => void;
  readonly kind?: 'danger';
  readonly children: ReactNode;
}

export function MenuItem({ onSelect, kind, children }: MenuItemProps) {
  return (
    <Base.Item className="popup-item" data-kind={kind} onClick={onSelect}>
      {children}
    </Base.Item>
  );
}
