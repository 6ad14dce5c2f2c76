import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/commands/migrate.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { all, bgp, l2, peer, pool } from '../config/metallb-scene.ts';

const folder = mkdtempSync(join(tmpdir(), 'clarion-migrate-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function run(...args: string[]) {
  const heard = { out: '', err: '' };
  const hear = (stream: 'stdout' | 'stderr', key: 'out' | 'err') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      heard[key] += String(text);
      return true;
    });
  hear('stdout', 'out');
  hear('stderr', 'err');
  const program = new Command().exitOverride();
  register(program);
  program.parse(['migrate', ...args], { from: 'user' });
  return { ...heard, exitCode: process.exitCode };
}

const good = write('good.yaml', all(pool(), l2()));

describe('clarion migrate', () => {
  it('prints a ConfigMap, and the report beside it', () => {
    const { out, err, exitCode } = run(good, '--namespace', 'here');
    expect(exitCode).toBe(0);
    expect(out).toMatch(
      /^apiVersion: v1\nkind: ConfigMap\nmetadata:\n {2}name: clarion\n {2}namespace: here\ndata:\n {2}config\.yaml: \|\n/,
    );
    const { config, problems } = judgeConfig({ file: 'o', text: out });
    expect([config.pools.length, config.l2Advertisements.length, problems]).toEqual([1, 1, []]);
    expect(err).toMatch(/^RESULT +OBJECT +WHERE +WHAT\n/);
    expect(err).toContain('converted  IPAddressPool metallb-system/p');
    expect(err).toContain('differs    L2Advertisement metallb-system/l');
  });

  it('reads folders, in order of names, without what is hidden or no manifest', () => {
    write(
      'many/b/peer.json',
      JSON.stringify({
        apiVersion: 'metallb.io/v1beta2',
        kind: 'BGPPeer',
        metadata: { name: 'x' },
        spec: { myASN: 1, peerASN: 2, peerAddress: '10.9.9.9' },
      }),
    );
    write('many/a.yml', all(pool(), bgp()));
    write('many/.hidden.yaml', peer());
    write('many/notes.txt', peer());
    const { out, exitCode } = run(join(folder, 'many'));
    const { config } = judgeConfig({ file: 'o', text: out });
    expect([exitCode, config.pools.length, config.peers.map(({ name }) => name)]).toEqual([0, 1, ['x']]);
  });

  it('refuses what MetalLB refuses: problems, exit code 1, no output', () => {
    const bad = write('bad.yaml', all(pool('', '10.0.0.0/33'), l2()));
    const { out, err, exitCode } = run(bad);
    expect([out, exitCode]).toEqual(['', 1]);
    expect(err).toContain(`${bad}:4:20: bad-address: `);
    expect(err).toContain('(IPAddressPool metallb-system/p)');
    expect(err).toContain('  Nothing is migrated until this is mended.\n');
    expect(err).toMatch(/1 problem in 1 file\.\n$/);
  });

  it('prints everything as one JSON value', () => {
    const { out, err } = run(good, '-o', 'json');
    const { problems, report, configMap } = JSON.parse(out) as {
      problems: unknown[];
      report: unknown[];
      configMap: unknown;
    };
    expect([problems, err]).toEqual([[], '']);
    expect(report[0]).toEqual({
      kind: 'converted',
      file: good,
      line: 1,
      column: 1,
      object: 'IPAddressPool metallb-system/p',
      message: 'pool "p"',
    });
    expect(configMap).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'clarion', namespace: 'clarion-system' } });
    const refused = run(write('bad.yaml', pool('bogus: 1')), '-o', 'json');
    expect(Object.keys(JSON.parse(refused.out) as object)).toEqual(['problems', 'report']);
  });

  it('writes the report to a file', () => {
    const file = join(folder, 'report.txt');
    expect(run(good, '--report', file).err).toBe('');
    expect(readFileSync(file, 'utf8')).toContain('converted');
    expect(() => run(good, '--report', join(folder, 'no', 'where'))).toThrow(/the report cannot be written/);
  });

  it('says which file cannot be read', () => {
    expect(() => run(join(folder, 'gone.yaml'))).toThrow(/gone\.yaml cannot be read: ENOENT/);
  });
});
