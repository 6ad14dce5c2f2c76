import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineTime, ms, systemClock } from '../src/base/clock.ts';
import { endpointFile, endpointSlice } from './world.ts';

/* Writes over the endpoints of a range of Services, again and again and so many a second: gone, back, gone. */
const [folder = '', first = '', end = '', rate = ''] = process.argv.slice(2);
const [from, to] = [Number(first), Number(end)];
const begun = machineTime();
let written = 0;

function next(): void {
  const due = Math.floor(((machineTime() - begun) / 1000) * Number(rate));
  for (; written < due; written++) {
    const number = from + (written % (to - from));
    const gone = Math.floor(written / (to - from)) % 2 === 0;
    writeFileSync(join(folder, endpointFile(number)), endpointSlice(number, !gone));
  }
  systemClock.startTimer('churn', ms(2), next);
}
next();
