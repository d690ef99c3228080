import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { Menu, MenuItem } from '../ui/menu.tsx';
import { chooseTheme } from '../ui/theme.ts';

/** What concerns the whole page. */
export function PageMenu({ onKey }: { readonly onKey?: () => void }) {
  return (
    <Menu
      trigger={
        <Button kind="quiet" shape="icon" aria-label="Settings">
          <Icon name="more" />
        </Button>
      }
    >
      <MenuItem onSelect={() => chooseTheme('light')}>Light</MenuItem>
      <MenuItem onSelect={() => chooseTheme('dark')}>Dark</MenuItem>
      <MenuItem onSelect={() => chooseTheme('system')}>As the device has it</MenuItem>
      {onKey !== undefined && <MenuItem onSelect={onKey}>API key…</MenuItem>}
    </Menu>
  );
}
