import { expect, it } from 'vitest';
import { warmUp } from '../../src/bgp/warm-up/driver.ts';
import { peerOf, Scene } from './driver-scene.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it('the first session waits for what is to be prepared, later ones do not', async () => {
  const calls: (() => void)[] = [];
  const scene = new Scene({
    prepare: (done) => {
      calls.push(done);
      return { stop() {} };
    },
  });
  scene.setPeers();
  expect(calls).toHaveLength(0);
  const router = scene.router().listen();
  const other = scene.router('192.0.2.2').listen();
  const first = peerOf('192.0.2.1');
  scene.setPeers(first);
  scene.setPeers(first);
  await scene.settle();
  expect(calls).toHaveLength(1);
  expect(router.connections).toHaveLength(0);
  calls[0]!();
  await scene.settle();
  expect(router.connections).toHaveLength(1);
  scene.setPeers(first, peerOf('192.0.2.2', { session: { name: 'other' } }));
  await scene.settle();
  expect(other.connections).toHaveLength(1);
  expect(calls).toHaveLength(1);
});

it('the warm-up lets others run between its rounds, says once that it is done, and can be stopped', async () => {
  let done = 0;
  let turns = 0;
  warmUp(() => done++);
  for (; done === 0 && turns < 1000; turns++) await turn();
  expect(turns).toBeGreaterThan(3);
  for (let i = 0; i < 5; i++) await turn();
  expect(done).toBe(1);
  const timer = warmUp(() => done++);
  await turn();
  timer.stop();
  for (let i = 0; i < 50; i++) await turn();
  expect(done).toBe(1);
});
