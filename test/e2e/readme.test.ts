import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { privateTree, skipNote } from '../support/lab.ts';
import { PROGRAM, Scene } from './scene.ts';

/** README's "Addresses in front of plain servers" as it stands there: its files, its command, its promises. Only the folder is another. */
const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
const FOLDER = '/etc/clarion';

describe.skipIf(!privateTree.inside)(`the example in README.md${skipNote}`, () => {
  const scene = new Scene('e2e6');
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  test('two files and one command: the address answers, and the server behind it', async () => {
    const section = /## Addresses in front of plain servers.*?(?=\n## )/s.exec(readme)?.[0] ?? '';
    // Indented blocks; a file begins with its name as a comment.
    const lines = section
      .split('\n')
      .flatMap((line) => (line === '' || line.startsWith('    ') ? [line.slice(4)] : ['\f']));
    const blocks = lines
      .join('\n')
      .split('\f')
      .map((text) => text.trim())
      .filter((text) => text !== '');
    const parts = blocks.flatMap((block) => block.split(/^(?=# \/|sudo )/m)).map((part) => part.trim());
    const files = parts.filter((part) => part.startsWith(`# ${FOLDER}/`));
    expect(files).toHaveLength(2);
    mkdirSync(scene.folder, { recursive: true });
    for (const text of files) writeFileSync(join(scene.folder, basename(text.slice(2, text.indexOf('\n')))), text);

    const [command] = parts.filter((part) => part.startsWith('sudo clarion '));
    expect(command).toBe(`sudo clarion standalone --directory ${FOLDER}`);
    const words = command?.replace('sudo clarion ', '').replace(FOLDER, scene.folder).split(' ') ?? [];
    const daemon = await scene.start({ args: words.slice(1) });
    const [vip] = /192\.0\.2\.200/.exec(section) ?? [];
    await scene.announcedBy('node-a', vip ?? '');

    // "The address is written to": as the text says.
    const written = /`\/etc\/clarion\/(\.clarion\/status\/[^`]+)`/.exec(section)?.[1] ?? 'not in the text';
    expect(readFileSync(join(scene.folder, written), 'utf8')).toContain(vip);

    // "Add it to lo": the command of the text.
    const ip = /`(ip address add [^`]+)`/.exec(section)?.[1]?.split(' ') ?? [];
    await scene.lab.run('node-a', ip);
    await scene.lab.sysctl('node-a', { 'net.ipv4.conf.all.arp_ignore': 1 });
    expect(await scene.lab.run('client', ['ping', '-c', '1', '-W', '3', vip ?? ''])).toContain(' 0% packet loss');
    expect(await scene.resolve(vip ?? '')).toBe(scene.mac('node-a'));
    expect(daemon.log.since(0).filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    expect(await daemon.stop()).toBe(0);
  });

  test('the bundle has the version of package.json', async () => {
    const { version } = JSON.parse(
      readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
    ) as { version: string };
    expect(await scene.lab.run('node-a', [process.execPath, PROGRAM, '--version'])).toBe(`${version}\n`);
  });
});
