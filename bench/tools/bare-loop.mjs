// The yardstick of announce.ts: `node bare-loop.mjs FOLDER INTERFACE` watches a folder, reads the file that changed and sends
// a gratuitous ARP request for the address in its comment. Nothing less can be done between a file and the wire in Node.
import { readFileSync, watch } from 'node:fs';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { join } from 'node:path';

const [folder, interfaceName] = process.argv.slice(2);
const addon = createRequire(import.meta.url)('../../dist/native.node');

const place = new DataView(new ArrayBuffer(20));
place.setUint16(0, 17, endianness() === 'LE');
place.setInt32(4, addon.interfaceIndex(interfaceName), endianness() === 'LE');
const socket = addon.socket(17, 3, 0);
if (socket < 0 || addon.bind(socket, new Uint8Array(place.buffer)) < 0) throw new Error('no packet socket');

const mac = [2, 0, 0, 0, 0, 0x11];
const frame = Uint8Array.from([
  ...Array(6).fill(255),
  ...mac,
  8,
  6,
  0,
  1,
  8,
  0,
  6,
  4,
  0,
  1,
  ...mac,
  ...Array(14).fill(0),
]);
let last = '';
watch(folder, (_kind, name) => {
  const [, text] = /^# (\S+)/m.exec(readFileSync(join(folder, name), 'utf8')) ?? [];
  // Caught between truncation and write, or told twice of one write.
  if (text === undefined || text === last) return;
  last = text;
  const address = text.split('.').map(Number);
  frame.set(address, 28);
  frame.set(address, 38);
  addon.send(socket, frame);
});
process.stdout.write('ready\n');
