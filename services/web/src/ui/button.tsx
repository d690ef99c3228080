import type { ComponentProps } from 'react';

export interface ButtonProps extends ComponentProps<'button'> {
  /** `default` when left out */
  readonly kind?: 'default' | 'primary' | 'danger' | 'quiet';
  /** as wide as it is high; it needs an `aria-label` then */
  readonly shape?: 'icon' | undefined;
}

export function Button({ kind = 'default', shape, type = 'button', className, ...rest }: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={className === undefined ? 'button' : `button ${className}`}
      data-kind={kind}
      data-shape={shape}
    />
  );
}
