import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { homedir } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { type Clock, seconds } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import { type Fields, fieldsOf } from '../../base/fields.ts';
import { keepAliveAgent } from './agent.ts';
import type { ApiAccess, ApiCredentials } from './api-client.ts';

/**
 * The way to a cluster and who we are there, as kubectl finds it: for commands only, a Pod has in-cluster.ts. Tokens, files of tokens,
 * client certificates and credential plugins (`exec`) work; what Kubernetes itself has dropped (auth-provider) and what no API server takes
 * any more (user name and password) is refused in words.
 *
 * Standards: Kubernetes, "Organizing Cluster Access Using kubeconfig Files"; client.authentication.k8s.io/v1 (ExecCredential).
 */
export interface KubeconfigOptions {
  readonly clock: Clock;
  /** --kubeconfig; else KUBECONFIG, else ~/.kube/config. */
  readonly file?: string | undefined;
  /** Else current-context. */
  readonly context?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** An entry of clusters, users or contexts, and the folder that its relative paths begin at. */
interface Entry {
  readonly name: string;
  readonly fields: Fields;
  readonly folder: string;
}

/** Undefined: there is no such file and none was asked for. The error is a sentence. */
export function kubeconfigAccess(options: KubeconfigOptions): Decoded<ApiAccess, string> | undefined {
  const files = filesOf(options);
  if (files === undefined) return undefined;
  const texts: { readonly file: string; readonly fields: Fields }[] = [];
  for (const file of files) {
    const read = readYaml(file);
    if (!read.ok) return read;
    texts.push({ file, fields: read.value });
  }
  const entries = (section: string, inner: string): readonly Entry[] =>
    texts.flatMap(({ file, fields }) =>
      listOf(fields[section]).map((one) => ({
        name: textOf(one['name']) ?? '',
        fields: fieldsOf(one[inner]),
        folder: dirname(file),
      })),
    );
  const where = files.join(', ');
  const contexts = entries('contexts', 'context');
  const wanted = options.context ?? texts.map(({ fields }) => textOf(fields['current-context'])).find(Boolean);
  if (wanted === undefined)
    return malformed(`${where} has no current-context; name one with --context: ${names(contexts)}`);
  const context = contexts.find(({ name }) => name === wanted);
  if (context === undefined)
    return malformed(`there is no context "${wanted}" in ${where}. There are ${names(contexts)}`);
  const find = (section: string, inner: string): Decoded<Entry, string> => {
    const all = entries(section, inner);
    const name = textOf(context.fields[inner]) ?? '';
    const entry = all.find((one) => one.name === name);
    return entry === undefined
      ? malformed(`context "${wanted}" of ${where} names ${inner} "${name}", which is not there`)
      : decoded(entry);
  };
  const cluster = find('clusters', 'cluster');
  if (!cluster.ok) return cluster;
  const user = find('users', 'user');
  return user.ok ? accessOf(cluster.value, user.value, options.clock) : user;
}

const names = (entries: readonly Entry[]): string =>
  entries
    .slice(0, 10)
    .map(({ name }) => name)
    .join(', ') || 'none';

/** Of KUBECONFIG those that exist, as kubectl does it; a file that was named must be there. */
function filesOf({ file, environment = process.env }: KubeconfigOptions): readonly string[] | undefined {
  if (file !== undefined) return [file];
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((one) => one !== '');
  const found = (listed.length > 0 ? listed : [resolve(homedir(), '.kube', 'config')]).filter((one) => existsSync(one));
  return found.length === 0 ? undefined : found;
}

function readYaml(file: string): Decoded<Fields, string> {
  try {
    return decoded(fieldsOf(parse(readFileSync(file, 'utf8'))));
  } catch (thrown) {
    return malformed(`the kubeconfig ${file} cannot be read: ${messageOf(thrown)}`);
  }
}

function accessOf(cluster: Entry, user: Entry, clock: Clock): Decoded<ApiAccess, string> {
  const server = textOf(cluster.fields['server']);
  if (server === undefined || !URL.canParse(server) || !/^https?:/.test(server))
    return malformed(
      `cluster "${cluster.name}" of the kubeconfig has no server that could be asked: ${server ?? 'none'}`,
    );
  if (textOf(cluster.fields['proxy-url']) !== undefined)
    return malformed(
      `cluster "${cluster.name}" of the kubeconfig is behind a proxy (proxy-url), which clarion does not speak`,
    );
  if (user.fields['auth-provider'] !== undefined)
    return malformed(
      `user "${user.name}" of the kubeconfig has an auth-provider, which Kubernetes 1.26 dropped; use a credential plugin (exec)`,
    );
  if (textOf(user.fields['username']) !== undefined)
    return malformed(
      `user "${user.name}" of the kubeconfig has a user name and password, which no API server takes since Kubernetes 1.19`,
    );
  let last: { readonly credentials: ApiCredentials; readonly until: number } | undefined;
  return decoded({
    server: server.replace(/\/$/, ''),
    async credentials(refresh): Promise<Decoded<ApiCredentials, string>> {
      if (!refresh && last !== undefined && clock.now() < last.until) return decoded(last.credentials);
      const made = await credentialsOf(cluster, user, server);
      if (!made.ok) return made;
      last = { credentials: made.value, until: clock.now() + KEEP };
      return made;
    },
  });
}

/** A command is over by then; one that watches gets a token that a plugin renewed meanwhile. */
const KEEP = seconds(60);

async function credentialsOf(cluster: Entry, user: Entry, server: string): Promise<Decoded<ApiCredentials, string>> {
  const plugin = user.fields['exec'];
  const told: Decoded<Fields, string> = plugin === undefined ? decoded({}) : await runPlugin(fieldsOf(plugin), user);
  if (!told.ok) return told;
  try {
    const token = textOf(told.value['token']) ?? textOf(user.fields['token']) ?? fileText(user, 'tokenFile');
    const tls = {
      ca: embedded(cluster, 'certificate-authority'),
      cert: textOf(told.value['clientCertificateData']) ?? embedded(user, 'client-certificate'),
      key: textOf(told.value['clientKeyData']) ?? embedded(user, 'client-key'),
      servername: textOf(cluster.fields['tls-server-name']),
      rejectUnauthorized: cluster.fields['insecure-skip-tls-verify'] === true ? false : undefined,
    };
    const agent: Agent = keepAliveAgent(
      server.startsWith('https:') ? 'https:' : 'http:',
      Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
    );
    return decoded({ authorization: token === undefined ? undefined : `Bearer ${token}`, agent });
  } catch (thrown) {
    return malformed(`the kubeconfig names a file that cannot be read: ${messageOf(thrown)}`);
  }
}

/** `NAME-data` is the thing itself, base64; `NAME` is its file. */
function embedded(entry: Entry, name: string): string | undefined {
  const data = textOf(entry.fields[`${name}-data`]);
  return data === undefined ? fileText(entry, name) : Buffer.from(data, 'base64').toString('utf8');
}

function fileText({ fields, folder }: Entry, name: string): string | undefined {
  const path = textOf(fields[name]);
  return path === undefined ? undefined : readFileSync(resolve(folder, path), 'utf8').trim();
}

const PLUGIN_LIMIT = seconds(60);

/** May ask its user something on the terminal. */
function runPlugin(plugin: Fields, { name, folder }: Entry): Promise<Decoded<Fields, string>> {
  const command = textOf(plugin['command']) ?? '';
  const apiVersion = textOf(plugin['apiVersion']) ?? 'client.authentication.k8s.io/v1';
  const args = Array.isArray(plugin['args']) ? plugin['args'].map(String) : [];
  const more = listOf(plugin['env']).map((one) => [textOf(one['name']) ?? '', textOf(one['value']) ?? '']);
  const request = { apiVersion, kind: 'ExecCredential', spec: { interactive: process.stdin.isTTY === true } };
  const env = { ...process.env, ...Object.fromEntries(more), KUBERNETES_EXEC_INFO: JSON.stringify(request) };
  const failed = (why: string): Decoded<Fields, string> =>
    malformed(
      `the credential plugin of user "${name}" (${command}) ${why}. ${textOf(plugin['installHint']) ?? ''}`.trim(),
    );
  return new Promise((done) => {
    const program = command.includes('/') ? resolve(folder, command) : command;
    execFile(program, args, { env, timeout: PLUGIN_LIMIT, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error !== null) return done(failed(`failed: ${stderr.trim().slice(0, 500) || error.message}`));
      try {
        done(decoded(fieldsOf(fieldsOf(JSON.parse(stdout))['status'])));
      } catch {
        done(failed('printed no ExecCredential'));
      }
    });
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);
