import { describe, expect, it } from 'vitest';
import { reasons } from '../../src/base/reason.ts';

/** docs/reasons.md is this text. After a change of base/reason.ts: npx vitest run test/docs -u */
function page(): string {
  const section = (scope: 'service' | 'node'): string =>
    Object.entries(reasons)
      .filter(([, entry]) => entry.scope === scope)
      .map(([reason, { meaning, nextStep }]) => `### ${reason}\n\nIt means: ${meaning}.\n\nNext: ${nextStep}\n`)
      .join('\n');
  return `# Why an address is not given, or not announced

Whenever Clarion does not do what a Service asks for, it says why with one of these words, and always the same word for the
same cause: in \`clarion plan\`, in the conditions and events of the Service, in metrics, in logs.

## About a Service

${section('service')}
## About a node

One node is barred; others may serve. \`plan\` lists them as refusals.

${section('node')}`;
}

it('docs/reasons.md says what the code says', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/reasons.md');
});

describe.each(Object.entries(reasons))('%s', (reason, { meaning, nextStep }) => {
  it('is a word of lower case with hyphens, with a meaning in half a sentence and a next step in whole ones', () => {
    expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(meaning).toMatch(/^[a-z].*[^.]$/);
    expect(nextStep).toMatch(/^\S.*[.A-Z]$/);
  });
});
