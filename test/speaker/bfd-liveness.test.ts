import { expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { parseIpAddress } from '../../src/base/ip-address.ts';
import type { BfdSessionConfig } from '../../src/bfd/session-config.ts';
import type { BfdSessionReport } from '../../src/bfd/session-report.ts';
import type { LivenessState, LivenessTarget } from '../../src/bgp/liveness.ts';
import type { BfdProfile } from '../../src/config/config.ts';
import { BfdLiveness } from '../../src/speaker/bfd-liveness.ts';

const ip = (text: string) => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const PROFILE: BfdProfile = {
  name: 'quick',
  receiveInterval: ms(50),
  transmitInterval: ms(50),
  detectMultiplier: 3,
  echoInterval: ms(50),
  echoMode: false,
  passiveMode: false,
  minimumTtl: 254,
  authentication: { type: 'keyed-sha1', keyId: 7, key: 'k', keySecret: undefined },
};
const target = (remote: string): LivenessTarget => ({
  remote: ip(remote),
  local: ip('192.0.2.11'),
  interface: 'eth0',
  multihop: false,
  profile: PROFILE,
});
const said = (config: BfdSessionConfig, state: BfdSessionReport['state'], reason?: string): BfdSessionReport => ({
  key: config.key,
  remote: '192.0.2.1',
  local: '192.0.2.11',
  multihop: false,
  state,
  since: 0,
  reason,
  diagnostic: 0,
  remoteDiagnostic: 0,
  discriminator: 1,
  remoteDiscriminator: 2,
  transmitInterval: 50,
  receiveInterval: 50,
  detectionTime: 150,
  echoInterval: undefined,
  authentication: undefined,
  counters: { failures: 0, sent: 0, received: 0, echoSent: 0, echoReceived: 0, refused: 0 },
});

function wired() {
  const told: (readonly BfdSessionConfig[])[] = [];
  let done = (): void => {};
  const liveness = new BfdLiveness(
    (sessions) => told.push(sessions),
    () => new Promise((resolve) => (done = resolve)),
  );
  const states: LivenessState[] = [];
  return { liveness, told, states, last: () => told.at(-1)!, done: () => done() };
}

test('a path that is watched is a session with everything resolved; what is said of it comes to whoever watches', () => {
  const { liveness, last, states } = wired();
  liveness.watch(target('192.0.2.1'), (state) => states.push(state));
  const [config] = last();
  expect(config).toMatchObject({
    interface: 'eth0',
    multihop: false,
    timing: { receiveInterval: 50, detectMultiplier: 3 },
    authentication: { type: 'keyed-sha1', keyId: 7, key: 'k' },
    adminDown: false,
  });
  expect(config?.timing).not.toHaveProperty('name');
  liveness.reported([said(config!, 'up'), said({ ...config!, key: 'another' }, 'down')]);
  liveness.reported([said(config!, 'down', 'control detection time expired')]);
  expect(states).toEqual([
    { kind: 'up', reason: undefined },
    { kind: 'down', reason: 'control detection time expired' },
  ]);
  expect(liveness.reports().map(({ state }) => state)).toEqual(['down']);
});

test('two that watch one path are one session, which ends with the second', () => {
  const { liveness, told, last } = wired();
  const first = liveness.watch(target('192.0.2.1'), () => {});
  const second = liveness.watch(target('192.0.2.1'), () => {});
  liveness.watch(target('192.0.2.2'), () => {});
  expect(told.map(({ length }) => length)).toEqual([1, 1, 2]);
  first.close();
  first.close();
  expect(last()).toHaveLength(2);
  second.close();
  expect(last()).toHaveLength(1);
  expect(liveness.reports()).toEqual([]);
});

test('another profile for the same path changes the session that there is; who comes later hears how it stands', async () => {
  const { liveness, last, states } = wired();
  const first = liveness.watch(target('192.0.2.1'), () => {});
  liveness.reported([said(last()[0]!, 'up')]);
  liveness.watch({ ...target('192.0.2.1'), profile: { ...PROFILE, detectMultiplier: 5 } }, (state) =>
    states.push(state),
  );
  first.close();
  expect(last()).toMatchObject([{ timing: { detectMultiplier: 5 } }]);
  await Promise.resolve();
  expect(states).toEqual([{ kind: 'up', reason: undefined }]);
});

test('AdminDown is told, and awaited until the wire thread has done it', async () => {
  const { liveness, last, done } = wired();
  const watch = liveness.watch(target('192.0.2.1'), () => {});
  let sent = false;
  const waiting = watch.adminDown().then(() => (sent = true));
  expect(last()[0]?.adminDown).toBe(true);
  await Promise.resolve();
  expect(sent).toBe(false);
  done();
  await waiting;
  expect(sent).toBe(true);
});
