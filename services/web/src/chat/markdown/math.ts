import 'katex/dist/katex.min.css';
import rehypeKatex from 'rehype-katex';
import remarkMath from 'remark-math';
import type { StreamdownProps } from 'streamdown';

/** Sets formulas between `$$`. A single dollar is money more often than mathematics. */
export const math: NonNullable<NonNullable<StreamdownProps['plugins']>['math']> = {
  name: 'katex',
  type: 'math',
  remarkPlugin: [remarkMath, { singleDollarTextMath: false }],
  // untrusted: no links, no pictures, no classes from a formula; and none that grows without end
  rehypePlugin: [rehypeKatex, { trust: false, strict: false, maxExpand: 200, maxSize: 20, errorColor: 'inherit' }],
};
