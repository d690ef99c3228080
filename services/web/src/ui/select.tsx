import { Select as Base } from '@base-ui/react/select';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';

interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
}

interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly choices: readonly Choice<T>[];
  readonly onChange: (value: T) => void;
  readonly isDisabled?: boolean;
}

/** One of a few choices. The label is for assistive technology alone. */
export function Select<T extends string>({ label, value, choices, onChange, isDisabled = false }: SelectProps<T>) {
  return (
    <Base.Root
      items={choices}
      value={value}
      disabled={isDisabled}
      modal={false}
      onValueChange={(chosen) => chosen !== null && onChange(chosen)}
    >
      <Base.Trigger aria-label={label} render={<Button kind="quiet" className="select-trigger" />}>
        <Base.Value className="select-value" />
        <Icon name="down" />
      </Base.Trigger>
      <Base.Portal render={<section aria-label={label} />}>
        <Base.Positioner className="popup-layer" alignItemWithTrigger={false} sideOffset={4}>
          <Base.Popup className="popup">
            {choices.map((choice) => (
              <Base.Item key={choice.value} className="popup-item" value={choice.value}>
                <Base.ItemText>{choice.label}</Base.ItemText>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
