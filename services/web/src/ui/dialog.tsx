import { AlertDialog as BaseAlert } from '@base-ui/react/alert-dialog';
import { Dialog as Base } from '@base-ui/react/dialog';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';

interface DialogProps {
  readonly title: string;
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A modal dialog: it holds the focus, and Escape or a click beside it closes it. */
export function Dialog({ title, isOpen, onClose, children }: DialogProps) {
  return (
    <Base.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className="dialog">
          <Base.Title>{title}</Base.Title>
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmDialogProps extends DialogProps {
  /** what the button says: a verb */
  readonly action: string;
  readonly onConfirm: () => void;
}

/** Asks before something that cannot be undone. Only a button closes it. */
export function ConfirmDialog({ title, isOpen, onClose, children, action, onConfirm }: ConfirmDialogProps) {
  const confirm = () => {
    onConfirm();
    onClose();
  };
  return (
    <BaseAlert.Root open={isOpen} onOpenChange={(open) => !open && onClose()}>
      <BaseAlert.Portal>
        <BaseAlert.Backdrop className="backdrop" />
        <BaseAlert.Popup className="dialog">
          <BaseAlert.Title>{title}</BaseAlert.Title>
          <BaseAlert.Description render={<div />}>{children}</BaseAlert.Description>
          <div className="dialog-actions">
            <BaseAlert.Close render={<Button />}>Cancel</BaseAlert.Close>
            <Button kind="danger" onClick={confirm}>
              {action}
            </Button>
          </div>
        </BaseAlert.Popup>
      </BaseAlert.Portal>
    </BaseAlert.Root>
  );
}
