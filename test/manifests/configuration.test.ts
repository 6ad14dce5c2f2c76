import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judgeConfig } from '../../src/config/judge.ts';

/** manifests/configuration.yaml: harmless as it is installed, and right where the reader takes the # away. */
const file = fileURLToPath(new URL('../../manifests/configuration.yaml', import.meta.url));
const text = readFileSync(file, 'utf8');

describe('manifests/configuration.yaml', () => {
  it('gives nothing out as it stands, and says so', () => {
    const { config, problems } = judgeConfig({ file, text });
    expect(config.pools).toEqual([]);
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([['warning', 'empty-configuration']]);
  });

  it('is right with every # taken away', () => {
    const { config, problems } = judgeConfig({
      file,
      text: text.replaceAll(/^ {4}# (?=\s*- |\s*\w+:(?: |$))/gm, '    '),
    });
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      pools: [{ name: 'public' }],
      l2Advertisements: [{ interfaces: ['eth0'] }],
      peers: [{ name: 'tor' }],
    });
    expect(config.bgpAdvertisements).toHaveLength(1);
  });
});
