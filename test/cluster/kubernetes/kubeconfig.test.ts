import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AgentOptions, Agent as HttpsAgent } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ApiCredentials } from '../../../src/cluster/kubernetes/api-client.ts';
import { type KubeconfigOptions, kubeconfigAccess } from '../../../src/cluster/kubernetes/kubeconfig.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'clarion-kubeconfig-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

interface Config {
  readonly user?: object;
  readonly cluster?: object;
  readonly more?: object;
}
function file({ user = { token: 'secret' }, cluster = {}, more = {} }: Config = {}): string {
  const path = join(folder, `config-${count++}`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'prod',
    contexts: [
      { name: 'prod', context: { cluster: 'one', user: 'me' } },
      { name: 'lost', context: { cluster: 'nowhere', user: 'me' } },
    ],
    clusters: [{ name: 'one', cluster: { server: 'https://192.0.2.1:6443/', ...cluster } }],
    users: [{ name: 'me', user }],
    ...more,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}
const access = (options: Omit<KubeconfigOptions, 'clock'>) =>
  kubeconfigAccess({ clock: new VirtualClock(), ...options });

async function credentials(config: Config): Promise<ApiCredentials> {
  const found = access({ file: file(config) });
  if (found?.ok !== true) throw new Error(found?.error ?? 'none');
  const made = await found.value.credentials(false);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}
const tlsOf = ({ agent }: ApiCredentials): AgentOptions => (agent as HttpsAgent).options;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('who we are', () => {
  test('a token', async () => {
    const found = access({ file: file() });
    expect(found).toMatchObject({ ok: true, value: { server: 'https://192.0.2.1:6443' } });
    expect((await credentials({})).authorization).toBe('Bearer secret');
  });

  test('a file with a token, relative to the kubeconfig', async () => {
    writeFileSync(join(folder, 'token'), 'from-file\n');
    expect((await credentials({ user: { tokenFile: 'token' } })).authorization).toBe('Bearer from-file');
  });

  test('a client certificate, in it or beside it, and whom to trust', async () => {
    writeFileSync(join(folder, 'ca.crt'), 'authority\n');
    const made = await credentials({
      user: { 'client-certificate-data': base64('certificate'), 'client-key-data': base64('key') },
      cluster: { 'certificate-authority': 'ca.crt', 'tls-server-name': 'api.example' },
    });
    expect(made.authorization).toBeUndefined();
    expect(tlsOf(made)).toMatchObject({ ca: 'authority', cert: 'certificate', key: 'key', servername: 'api.example' });
    expect(tlsOf(await credentials({ cluster: { 'insecure-skip-tls-verify': true } })).rejectUnauthorized).toBe(false);
  });

  test('a credential plugin is told what is asked of it, with its own environment', async () => {
    const script = join(folder, 'plugin');
    writeFileSync(
      script,
      '#!/bin/sh\necho "$KUBERNETES_EXEC_INFO" | grep -q ExecCredential || exit 1\nprintf \'{"kind":"ExecCredential","status":{"token":"%s-%s"}}\' "$1" "$WHO"\n',
    );
    chmodSync(script, 0o755);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: './plugin',
      args: ['hello'],
      env: [{ name: 'WHO', value: 'me' }],
    };
    expect((await credentials({ user: { exec } })).authorization).toBe('Bearer hello-me');
  });

  test.each([
    [
      'is not there',
      { command: 'no-such-plugin', installHint: 'Install it.' },
      /\(no-such-plugin\) failed: .*ENOENT.* Install it\.$/,
    ],
    ['fails', { command: 'sh', args: ['-c', 'echo expired >&2; exit 1'] }, /failed: expired\.$/],
    ['says nothing of use', { command: 'echo', args: ['hello'] }, /printed no ExecCredential\.$/],
  ])('a credential plugin that %s is named', async (_what, exec, why) => {
    await expect(credentials({ user: { exec } })).rejects.toThrow(why);
  });

  test('a file that is not there', async () => {
    await expect(credentials({ user: { tokenFile: 'nowhere' } })).rejects.toThrow(/ENOENT/);
  });
});

describe('which file, which context', () => {
  test('of KUBECONFIG those that are there, the first that says something wins', () => {
    const first = file({ more: { clusters: [], users: [] } });
    const second = file({ more: { 'current-context': 'other' } });
    const environment = { KUBECONFIG: [join(folder, 'missing'), first, second].join(delimiter) };
    expect(access({ environment })).toMatchObject({ ok: true, value: { server: 'https://192.0.2.1:6443' } });
  });

  test('none at all is no error: there may be a Pod around us', () => {
    expect(access({ environment: { KUBECONFIG: join(folder, 'missing') } })).toBeUndefined();
  });

  test.each([
    ['a file that was named', { file: join(folder, 'missing') }, /cannot be read: ENOENT/],
    ['another context', { file: file(), context: 'nope' }, /there is no context "nope" in .*\. There are prod, lost/],
    ['a cluster', { file: file(), context: 'lost' }, /names cluster "nowhere", which is not there/],
    ['a context at all', { file: file({ more: { 'current-context': '' } }) }, /has no current-context/],
    ['a server', { file: file({ cluster: { server: 'ftp://x' } }) }, /no server that could be asked: ftp:/],
    ['a way through a proxy', { file: file({ cluster: { 'proxy-url': 'http://p' } }) }, /behind a proxy/],
    ['an auth-provider', { file: file({ user: { 'auth-provider': {} } }) }, /use a credential plugin/],
    ['a password', { file: file({ user: { username: 'a', password: 'b' } }) }, /no API server takes/],
  ])('what is missing or of no use is said: %s', (_what, options, why) => {
    expect(access(options)).toMatchObject({ ok: false, error: expect.stringMatching(why) as string });
  });

  test.each(['', '7', '[]', 'contexts: 7', 'contexts: [7, {name: 7}]', '{', '\u0000'])(
    'whatever is in it, nothing is thrown: %j',
    (text) => {
      mkdirSync(folder, { recursive: true });
      const path = join(folder, 'odd');
      writeFileSync(path, text);
      expect(access({ file: path })).toMatchObject({ ok: false });
    },
  );
});
